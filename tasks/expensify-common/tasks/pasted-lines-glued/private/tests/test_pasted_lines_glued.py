"""Pasted blocks whose text ends with the characters that quotes and tables use."""

from library import mark


def paste(html):
    return mark("htmlToMarkdown", html)


def test_rows_of_a_table():
    html = "<div>name | price |</div><div>tea | 3 |</div><div>that is all</div>"
    assert paste(html) == "name | price |\ntea | 3 |\nthat is all"


def test_bar_without_space():
    assert paste("<p>a|</p><p>b</p>") == "a|\nb"


def test_prompt():
    assert paste("<p>C:\\Users></p><p>dir</p><p>end</p>") == "C:\\Users>\ndir\nend"


def test_greater_than_at_the_end():
    assert paste("<div>if x ></div><div>then y</div>") == "if x >\nthen y"


def test_list_items():
    assert paste("<li>a|</li><li>b|</li>") == "  a|\n  b|"


def test_heading_that_ends_with_bar():
    assert paste("<h1>Menu |</h1>tea") == "# Menu |\ntea"


def test_blocks_as_before():
    assert paste("<div>A</div><div>B</div>") == "A\nB"


def test_heading_as_before():
    assert paste("<h1>T</h1><p>a</p>") == "# T\na"


def test_quotes_as_before():
    assert paste("<blockquote>q</blockquote>b") == "> q\nb"
    assert paste("<blockquote>a<br />b</blockquote>") == "> a\n> b"


def test_last_line_as_before():
    assert paste("<p>last |</p>") == "last |"
