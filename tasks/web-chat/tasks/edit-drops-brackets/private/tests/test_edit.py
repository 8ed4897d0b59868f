from playwright.sync_api import expect


def test_markup_comes_back_as_typed(chat):
    typed = "*bold* _italic_ ~gone~ `code` https://a.example/?b=1&c=2 @Jonas Weber & \"co\"\nsecond line"
    chat.open("General")
    chat.composer.fill(typed)
    chat.composer.press("Enter")
    row = chat.message("second line")
    expect(row.locator("strong")).to_have_text("bold")
    expect(row.get_by_role("link")).to_have_attribute("href", "https://a.example/?b=1&c=2")
    expect(row.locator("code")).to_have_text("code")
    row.get_by_role("button", name="Edit").click()
    expect(chat.editor).to_have_value(typed)


def test_edit_reaches_others(visit):
    mara, jonas = visit(), visit("Jonas Weber")
    jonas.open("General")
    mara.open("General")
    mara.send("See you at noon")
    expect(jonas.message("See you at noon")).to_be_visible()
    mara.button("See you at noon", "Edit").click()
    mara.editor.fill("See you at *one*")
    mara.page.get_by_role("button", name="Save").click()
    expect(jonas.message("See you at one")).to_be_visible()
    expect(jonas.message("See you at noon")).to_be_hidden()
    expect(jonas.row("General")).to_contain_text("Mara: See you at")


def test_escape_leaves_the_message_alone(chat):
    chat.open("General")
    chat.send("See you at noon")
    chat.button("See you at noon", "Edit").click()
    chat.editor.fill("Something else")
    chat.editor.press("Escape")
    expect(chat.editor).to_be_hidden()
    expect(chat.messages.get_by_text("See you at noon", exact=True)).to_be_visible()


def test_typed_html_stays_text(chat):
    chat.open("General")
    chat.send("<img src=x onerror=\"document.title='broken'\">")
    chat.button("onerror", "Edit").click()
    chat.editor.fill("<b>really</b> <img src=x onerror=\"document.title='broken'\">")
    chat.editor.press("Enter")
    expect(chat.message("<b>really</b> <img")).to_be_visible()
    expect(chat.page.get_by_role("img")).to_have_count(0)
    expect(chat.page.locator("b")).to_have_count(0)
    expect(chat.page).to_have_title("web-chat")
