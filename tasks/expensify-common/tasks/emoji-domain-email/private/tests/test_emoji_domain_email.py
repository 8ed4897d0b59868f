"""Addresses whose domain holds an emoji."""

from library import call


def valid(address):
    return call("dist/str.js", "default.isValidEmail", address)


def test_emoji_as_a_label():
    assert valid("test@xn--e28h.com") is False


def test_other_emojis():
    assert valid("a@xn--ls8h.la") is False
    assert valid("a@xn--n28h.tld") is False


def test_emoji_among_letters():
    assert valid("test@xn--i-7iq.ws") is False
    assert valid("test@xn--a--4z62a.com") is False


def test_emoji_in_a_subdomain():
    assert valid("a@mail.xn--vi8h.com") is False
    assert valid("a@xn--158h.example.org") is False


def test_emoji_of_two_code_points():
    assert valid("a@xn--on8h5e.com") is False
    assert valid("a@xn--w77hd.com") is False


def test_list_of_addresses():
    assert call("dist/str.js", "default.areValidEmails", "a@example.com,b@xn--e28h.com") is False
    assert call("dist/str.js", "default.areValidEmails", "a@example.com,b@example.com") is True


def test_plain_emoji_as_before():
    assert valid("test@😀.com") is False
    assert valid("te😀st@example.com") is False


def test_international_domains_as_before():
    assert valid("a@xn--mnchen-3ya.de") is True
    assert valid("a@xn--wgv71a.jp") is True
    assert valid("a@xn--e1afmkfd.com") is True


def test_ordinary_addresses_as_before():
    assert valid("a.b+c@sub.example.co.uk") is True
    assert valid("123@456.com") is True


def test_no_addresses_as_before():
    assert valid("a@b") is False
    assert valid("a b@example.com") is False
    assert valid("") is False
