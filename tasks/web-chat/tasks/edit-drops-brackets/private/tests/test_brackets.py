from lancet_chat.chat import SETTLED_MS
from playwright.sync_api import expect


def send_and_edit(chat, typed, shown):
    chat.composer.fill(typed)
    chat.composer.press("Enter")
    expect(chat.message(shown)).to_be_visible()
    chat.button(shown, "Edit").click()
    expect(chat.editor).to_have_value(typed, timeout=SETTLED_MS)


def test_brackets_survive_an_edit(chat):
    chat.open("General")
    send_and_edit(chat, "Please use List<String> here", "Please use List<String> here")
    chat.editor.press("End")
    chat.editor.press_sequentially("!")
    chat.editor.press("Enter")
    expect(chat.messages.get_by_text("Please use List<String> here!", exact=True)).to_be_visible()
    expect(chat.page.get_by_text("(edited)")).to_be_visible()
    chat.page.reload()
    expect(chat.messages.get_by_text("Please use List<String> here!", exact=True)).to_be_visible()


def test_edit_box_holds_what_was_typed(chat):
    chat.open("General")
    send_and_edit(chat, "if a < b && b > c then *stop*", "if a < b && b > c then stop")
    chat.editor.press("Escape")
    send_and_edit(
        chat,
        "`<b>`, <strong> and </a> are elements, <br> too\n&lt;br&gt; is none",
        "<b>, <strong> and </a> are elements, <br> too",
    )


def test_list_of_chats_shows_brackets(chat):
    chat.open("General")
    chat.send("Please use List<String> here")
    expect(chat.row("General")).to_contain_text("You: Please use List<String> here", timeout=SETTLED_MS)
