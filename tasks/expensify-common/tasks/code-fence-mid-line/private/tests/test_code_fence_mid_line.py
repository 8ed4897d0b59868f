"""What opens a code block."""

from library import mark

FENCE = "&#x60;&#x60;&#x60;"


def html(text, **options):
    return mark("replace", text, options)


def test_text_before():
    assert html("test ```\ncode\n```") == f"test {FENCE}<br />code<br />{FENCE}"
    assert html("a```\nb\n```") == f"a{FENCE}<br />b<br />{FENCE}"


def test_formatting_applies_when_it_is_no_block():
    assert html("Run ```\nmake *all*\n``` now") == f"Run {FENCE}<br />make <strong>all</strong><br />{FENCE} now"


def test_text_behind():
    assert html("```sql\nselect 1\n```") == f"{FENCE}sql<br />select 1<br />{FENCE}"


def test_space_behind():
    assert html("``` \na\n```") == f"{FENCE} <br />a<br />{FENCE}"


def test_real_block_after_a_false_one():
    text = "Run ```\nls\n``` and\n```\npwd\n```"
    assert html(text) == f"Run {FENCE}<br />ls<br />{FENCE} and<br /><pre>pwd<br /></pre>"


def test_while_typing():
    assert html("test ```\ncode\n```", shouldKeepRawInput=True) == f"test {FENCE}\ncode\n{FENCE}"


def test_block_as_before():
    assert html("```\nb\n```") == "<pre>b<br /></pre>"
    assert html("hi\n```\nb\n```\nbye") == "hi<br /><pre>b<br /></pre>bye"
    assert html("```\nb\n``` bye") == "<pre>b<br /></pre> bye"


def test_carriage_returns_as_before():
    assert html("```\r\nb\r\n```") == "<pre>b<br /></pre>"


def test_two_blocks_as_before():
    assert html("```\na\n```\n```\nb\n```") == "<pre>a<br /></pre><pre>b<br /></pre>"


def test_block_while_typing_as_before():
    assert html("```\ncode\n```", shouldKeepRawInput=True) == "<pre>\ncode\n</pre>"


def test_inline_code_as_before():
    assert html("a `b` c") == "a <code>b</code> c"
