"""Room mentions and what stands before them."""

from library import mark


def html(text):
    return mark("replace", text)


def room(name):
    return f"<mention-report>#{name}</mention-report>"


def test_after_a_word_and_colon():
    assert html("Ask here:#admins") == f"Ask here:{room('admins')}"


def test_two_in_one_message():
    assert html("room:#admins and:#announce") == f"room:{room('admins')} and:{room('announce')}"


def test_after_another_mention():
    assert html("See #announce:#admins") == f"See {room('announce')}:{room('admins')}"


def test_colon_at_the_start():
    assert html(":#admins") == f":{room('admins')}"


def test_in_bold():
    assert html("*:#admins*") == f"<strong>:{room('admins')}</strong>"


def test_in_a_heading_and_a_quote():
    assert html("# ask:#admins") == f"<h1>ask:{room('admins')}</h1>"
    assert html("> ask:#admins") == f"<blockquote>ask:{room('admins')}</blockquote>"


def test_after_a_space_as_before():
    assert html("see #admins, #room-1") == f"see {room('admins')}, {room('room-1')}"


def test_middle_of_a_word_as_before():
    assert html("abc#admins") == "abc#admins"
    assert html("(#admins) x;#admins") == "(#admins) x;#admins"


def test_in_code_as_before():
    assert html("`:#admins`") == "<code>:#admins</code>"


def test_in_a_link_as_before():
    assert "mention-report" not in html("[x:#admins](https://example.com)")
    assert "mention-report" not in html("https://example.com/#admins")
