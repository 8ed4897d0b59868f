TYPED = "Please use List<String> here"


def test_steps(chat, user):
    chat.open("General")
    user.did('opened "General"')
    chat.composer.fill(TYPED)
    chat.composer.press("Enter")
    user.did(f"wrote `{TYPED}` and pressed Enter")
    row = chat.messages.get_by_role("listitem").filter(has_text="Please use")
    row.wait_for()
    user.saw(f"the last message: `{row.locator('.text').inner_text()}`")
    user.saw(f"in the list of chats: `{chat.row('General').locator('.preview').inner_text()}`")
    row.get_by_role("button", name="Edit").click()
    chat.editor.wait_for()
    user.did('chose "Edit"')
    user.saw(f"the edit box holds: `{chat.editor.input_value()}`")
    chat.editor.press("End")
    chat.editor.press_sequentially("!")
    chat.editor.press("Enter")
    chat.editor.wait_for(state="hidden")
    user.did("added `!` and pressed Enter")
    user.saw(f"the last message: `{row.locator('.text').inner_text()}`")
