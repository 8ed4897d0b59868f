"""Messages with quotes inside quotes, as the editor gets them."""

from library import mark


def edit(html):
    return mark("htmlToMarkdown", html)


def test_line_after_inner_quote():
    html = "<blockquote>I agree<br /><blockquote>with this</blockquote>and more</blockquote>"
    assert edit(html) == "> I agree\n>> with this\n> and more"


def test_two_lines_in_inner_quote():
    html = "<blockquote>a<br /><blockquote>b<br />c</blockquote>d</blockquote>"
    assert edit(html) == "> a\n>> b\n>> c\n> d"


def test_inner_quote_first():
    assert edit("<blockquote><blockquote>b</blockquote>c</blockquote>after") == ">> b\n> c\nafter"


def test_three_levels_and_back():
    html = "<blockquote>a<br /><blockquote>b<br /><blockquote>c</blockquote></blockquote>d</blockquote>"
    assert edit(html) == "> a\n>> b\n>>> c\n> d"


def test_message_survives_sending_and_editing():
    sent = mark("replace", "> *I* agree\n> > _with_ this\n> and more")
    assert edit(sent) == "> *I* agree\n>> _with_ this\n> and more"


def test_plain_quote_as_before():
    assert edit("<blockquote>a<br />b</blockquote>c") == "> a\n> b\nc"


def test_only_inner_quote_as_before():
    assert edit("<blockquote><blockquote>b</blockquote></blockquote>") == ">> b"


def test_two_quotes_as_before():
    assert edit("<blockquote>a</blockquote><br /><blockquote>b</blockquote>") == "> a\n\n> b"


def test_no_quote_as_before():
    assert edit("one<br />two <strong>three</strong>") == "one\ntwo *three*"
