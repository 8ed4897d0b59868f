from playwright.sync_api import expect


def test_each_chat_has_its_draft(chat):
    chat.open("General")
    chat.composer.press_sequentially("first")
    chat.open("Design")
    expect(chat.composer).to_have_value("")
    chat.composer.press_sequentially("second")
    chat.open("General")
    expect(chat.composer).to_have_value("first")
    chat.page.reload()
    expect(chat.composer).to_have_value("first")
    chat.open("Design")
    expect(chat.composer).to_have_value("second")


def test_sent_message_leaves_no_draft(chat):
    chat.open("General")
    chat.send("All is well.")
    expect(chat.composer).to_have_value("")
    chat.page.reload()
    expect(chat.messages.get_by_text("All is well.")).to_have_count(1)
    expect(chat.composer).to_have_value("")


def test_text_stays_when_it_cannot_be_sent(chat):
    chat.open("General")
    refuse = lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    chat.page.route("**/*", refuse)
    chat.composer.fill("All is well.")
    chat.composer.press("Enter")
    expect(chat.page.get_by_text("could not be sent")).to_be_visible()
    expect(chat.composer).to_have_value("All is well.")
    chat.page.unroute("**/*", refuse)
    chat.composer.press("Enter")
    expect(chat.messages.get_by_text("All is well.")).to_have_count(1)
    expect(chat.composer).to_have_value("")
