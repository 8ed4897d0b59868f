from lancet_chat.chat import SETTLED_MS
from playwright.sync_api import expect


def write_before(chat, text, position, typed):
    """Types something into a text that is already there."""
    chat.open("General")
    chat.composer.fill(text)
    chat.composer.press("Home")
    for _ in range(position):
        chat.composer.press("ArrowRight")
    chat.composer.press_sequentially(typed)
    expect(chat.people).to_be_visible()


def test_before_another_mention(chat):
    write_before(chat, "Thanks and @Priya Nair", len("Thanks"), " @jo")
    chat.composer.press("Enter")
    expect(chat.people).to_be_hidden()
    expect(chat.composer).to_have_value("Thanks @Jonas Weber and @Priya Nair", timeout=SETTLED_MS)
    chat.composer.press("Enter")
    row = chat.message("Thanks @Jonas Weber and @Priya Nair")
    expect(row.locator(".mention")).to_have_text(["@Jonas Weber", "@Priya Nair"])


def test_before_a_mail_address(chat):
    write_before(chat, " is it team@chat.example or chat@chat.example?", 0, "@ort")
    chat.people.get_by_role("option", name="Tomás Ortega").click()
    expect(chat.people).to_be_hidden()
    expect(chat.composer).to_have_value("@Tomás Ortega is it team@chat.example or chat@chat.example?", timeout=SETTLED_MS)


def test_typing_goes_on_after_the_mention(chat):
    write_before(chat, "Thanks and @Priya Nair", len("Thanks"), " @jo")
    chat.composer.press("Tab")
    expect(chat.people).to_be_hidden()
    chat.composer.press_sequentially("(again) ")
    expect(chat.composer).to_have_value("Thanks @Jonas Weber (again) and @Priya Nair", timeout=SETTLED_MS)
