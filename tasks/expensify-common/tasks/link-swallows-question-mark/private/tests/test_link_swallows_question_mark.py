"""Links at the end of a question."""

from library import mark


def html(text):
    return mark("replace", text)


def link(text, address=None):
    address = (address or text).replace("&", "&amp;")
    return f'<a href="{address}" target="_blank" rel="noreferrer noopener">{text.replace("&", "&amp;")}</a>'


def test_after_a_path():
    assert html("Did you read https://example.com/news?") == f"Did you read {link('https://example.com/news')}?"


def test_after_a_domain_in_a_sentence():
    assert html("is it https://example.com? yes") == f"is it {link('https://example.com')}? yes"


def test_without_a_scheme():
    assert html("example.com?") == f"{link('example.com', 'https://example.com')}?"


def test_after_a_slash_and_a_line_break():
    assert html("https://example.com/?\nnext") == f"{link('https://example.com/')}?<br />next"


def test_after_a_port():
    assert html("http://localhost:8080?") == f"{link('http://localhost:8080')}?"


def test_after_a_query():
    assert html("https://example.com/?page=2?") == f"{link('https://example.com/?page=2')}?"


def test_two_links():
    text = "did you see https://example.com/a, https://example.org?"
    assert html(text) == f"did you see {link('https://example.com/a')}, {link('https://example.org')}?"


def test_query_as_before():
    for url in ("https://example.com?a=1&b=2", "https://example.com/path?foo", "https://example.com/?q=%20x#top"):
        assert html(url) == link(url)


def test_labelled_link_with_query_as_before():
    assert html("[x](https://example.com?a=1)") == link("x").replace('href="x"', 'href="https://example.com?a=1"')


def test_other_punctuation_as_before():
    assert html("see https://example.com/a.") == f"see {link('https://example.com/a')}."
