"""Italic parts that follow each other directly."""

from library import mark


def html(text):
    return mark("replace", text)


def test_two():
    assert html("_a__b_") == "<em>a</em><em>b</em>"


def test_three():
    assert html("_one__two__three_") == "<em>one</em><em>two</em><em>three</em>"


def test_four_in_a_row():
    assert html("_a__b__c__d_") == "<em>a</em><em>b</em><em>c</em><em>d</em>"


def test_in_a_sentence():
    assert html("say _hello__world_ again and _again_") == "say <em>hello</em><em>world</em> again and <em>again</em>"


def test_in_the_text_of_a_link():
    link = html("[_a__b_](https://example.com)")
    assert link == '<a href="https://example.com" target="_blank" rel="noreferrer noopener"><em>a</em><em>b</em></a>'


def test_in_a_quote():
    assert html("> _a__b_") == "<blockquote><em>a</em><em>b</em></blockquote>"


def test_single_as_before():
    assert html("_a_ _b c_") == "<em>a</em> <em>b c</em>"
    assert html("__abc__") == "_<em>abc</em>_"


def test_inside_words_as_before():
    assert html("snake__case_name") == "snake__case_name"
    assert html("a__b__") == "a__b__"
    assert html("_abc_def_") == "<em>abc_def</em>"


def test_unclosed_as_before():
    assert html("_one__two") == "<em>one</em>_two"


def test_code_and_links_as_before():
    assert html("`_a__b_`") == "<code>_a__b_</code>"
    assert html("user_name__x@example.com") == '<a href="mailto:user_name__x@example.com">user_name__x@example.com</a>'
    url = "https://example.com/_a__b_"
    assert html(url) == f'<a href="{url}" target="_blank" rel="noreferrer noopener">{url}</a>'
