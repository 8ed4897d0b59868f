from playwright.sync_api import expect


def test_at_the_end(chat):
    chat.open("General")
    chat.composer.press_sequentially("Hello @we")
    expect(chat.people.get_by_role("option")).to_have_text(["Jonas Weber"])
    chat.composer.press("Enter")
    chat.composer.press_sequentially("and @")
    expect(chat.people.get_by_role("option")).to_have_text(["Jonas Weber", "Priya Nair", "Tomás Ortega"])
    chat.composer.press("ArrowDown")
    chat.composer.press("Tab")
    expect(chat.composer).to_have_value("Hello @Jonas Weber and @Priya Nair ")
    chat.composer.press("Enter")
    expect(chat.message("Hello @Jonas Weber and @Priya Nair").locator(".mention")).to_have_count(2)
    expect(chat.composer).to_have_value("")


def test_after_another_mention_with_text_behind(chat):
    chat.open("General")
    chat.composer.fill("@Priya Nair and  are in")
    for _ in " are in":
        chat.composer.press("ArrowLeft")
    chat.composer.press_sequentially("@to")
    expect(chat.people).to_be_visible()
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("@Priya Nair and @Tomás Ortega are in")


def test_escape_closes_the_list_only(chat):
    chat.open("Design")
    chat.composer.press_sequentially("Hello @")
    expect(chat.people.get_by_role("option")).to_have_text(["Jonas Weber", "Priya Nair"])
    chat.composer.press("Escape")
    expect(chat.people).to_be_hidden()
    expect(chat.composer).to_have_value("Hello @")


def test_shift_enter_starts_a_line(chat):
    chat.open("General")
    chat.composer.press_sequentially("one")
    chat.composer.press("Shift+Enter")
    chat.composer.press_sequentially("two")
    expect(chat.composer).to_have_value("one\ntwo")
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("")
    expect(chat.message("two").locator("br")).to_have_count(1)
