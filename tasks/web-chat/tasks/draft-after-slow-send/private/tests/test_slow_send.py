from lancet_chat.chat import SETTLED_MS
from lancet_chat.slow import SlowSend
from playwright.sync_api import expect


def test_draft_of_another_chat_stays(chat):
    chat.open("General")
    slow = SlowSend(chat.page)
    slow.start(chat, "Is the kitchen free at noon?")
    chat.open("Design")
    chat.composer.press_sequentially("I will make the row darker")
    slow.finish()
    expect(chat.composer).to_have_value("I will make the row darker", timeout=SETTLED_MS)
    chat.open("General")
    expect(chat.messages.get_by_text("Is the kitchen free at noon?")).to_have_count(1)
    chat.open("Design")
    expect(chat.composer).to_have_value("I will make the row darker", timeout=SETTLED_MS)
    chat.page.reload()
    expect(chat.composer).to_have_value("I will make the row darker")


def test_composer_is_empty_after_sending(chat):
    chat.open("General")
    slow = SlowSend(chat.page)
    slow.start(chat, "Is the kitchen free at noon?")
    chat.open("Design")
    slow.finish()
    chat.open("General")
    expect(chat.composer).to_have_value("", timeout=SETTLED_MS)
    expect(chat.messages.get_by_text("Is the kitchen free at noon?")).to_have_count(1)
