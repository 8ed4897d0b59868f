from lancet_chat.chat import SETTLED_MS
from playwright.sync_api import expect

LAST = "I would also make the badge larger."


def test_opening_again_clears_the_badge(visit):
    laptop, phone = visit(), visit(device="phone")
    laptop.open("Design")
    # The server and so the other device know of it.
    expect(phone.badge("Design")).to_be_hidden()
    laptop.button(LAST, "Mark as unread").click()
    expect(laptop.badge("Design")).to_have_text("1")
    expect(phone.badge("Design")).to_have_text("1")
    laptop.open("General")
    expect(laptop.badge("Design")).to_have_text("1")
    laptop.open("Design")
    expect(laptop.new_line).to_be_visible()
    expect(laptop.badge("Design")).to_be_hidden(timeout=SETTLED_MS)
    expect(phone.badge("Design")).to_be_hidden()


def test_opening_clears_what_another_device_marked(visit):
    laptop, phone = visit(), visit(device="phone")
    laptop.open("Design")
    expect(laptop.badge("Design")).to_be_hidden()
    laptop.open("General")
    expect(phone.badge("Design")).to_be_hidden()
    phone.open("Design")
    phone.button(LAST, "Mark as unread").click()
    expect(laptop.badge("Design")).to_have_text("1")
    laptop.open("Design")
    expect(laptop.badge("Design")).to_be_hidden(timeout=SETTLED_MS)


def test_marked_chat_stays_unread_while_open(visit):
    laptop, phone = visit(), visit(device="phone")
    laptop.open("Design")
    expect(phone.badge("Design")).to_be_hidden()
    phone.open("Design")
    laptop.button("Could the active row", "Mark as unread").click()
    expect(laptop.new_line).to_be_visible()
    expect(laptop.badge("Design")).to_have_text("2")
    # Something else that both devices get after the mark.
    jonas = visit("Jonas Weber")
    jonas.open("General")
    jonas.send("Is anybody there?")
    expect(laptop.badge("General")).to_have_text("1")
    expect(laptop.badge("Design")).to_have_text("2")
    expect(laptop.new_line).to_be_visible()
