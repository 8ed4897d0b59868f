from playwright.sync_api import expect


def test_opening_a_chat_reads_it(visit):
    chat = visit()
    expect(chat.badge("Design")).to_have_text("2")
    chat.open("Design")
    expect(chat.new_line).to_be_visible()
    expect(chat.badge("Design")).to_be_hidden()
    chat.open("General")
    chat.open("Design")
    expect(chat.new_line).to_be_hidden()
    # Another device asks the server.
    phone = visit(device="phone")
    expect(phone.badge("Design")).to_be_hidden()


def test_messages_of_others_count(visit):
    mara, jonas = visit(), visit("Jonas Weber")
    mara.open("Release 1.5")
    jonas.open("General")
    jonas.send("The machine is broken.")
    jonas.send("Again.")
    expect(mara.badge("General")).to_have_text("2")
    expect(jonas.badge("General")).to_be_hidden()
    mara.open("General")
    expect(mara.badge("General")).to_be_hidden()
    jonas.send("It works now.")
    expect(mara.message("It works now.")).to_be_visible()
    expect(mara.badge("General")).to_be_hidden()
