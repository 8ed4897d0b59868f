TEXT = "Thanks and @Priya Nair"


def test_steps(chat, user):
    chat.open("General")
    user.did('opened "General"')
    chat.composer.fill(TEXT)
    user.did(f"wrote `{TEXT}`")
    chat.composer.press("Home")
    for _ in "Thanks":
        chat.composer.press("ArrowRight")
    chat.composer.press_sequentially(" @jo")
    chat.people.wait_for()
    user.did("put the caret after `Thanks` and typed ` @jo`")
    user.saw(f"the composer holds `{chat.composer.input_value()}`, and a list of people with: {', '.join(chat.people.get_by_role('option').all_inner_texts())}")
    chat.people.get_by_role("option", name="Jonas Weber").click()
    chat.people.wait_for(state="hidden")
    user.did('chose "Jonas Weber" with the mouse')
    user.saw(f"the composer holds `{chat.composer.input_value()}`")
    chat.composer.press_sequentially("again ")
    user.did("typed `again `")
    user.saw(f"the composer holds `{chat.composer.input_value()}`")
