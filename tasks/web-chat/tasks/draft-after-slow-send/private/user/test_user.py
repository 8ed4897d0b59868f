from lancet_chat.slow import SlowSend


def test_steps(chat, user):
    chat.open("General")
    user.did('opened "General"')
    slow = SlowSend(chat.page)
    slow.start(chat, "Is the kitchen free at noon?")
    user.did('wrote "Is the kitchen free at noon?" and pressed Enter')
    user.saw('"Sending…" below the composer')
    chat.open("Design")
    chat.composer.press_sequentially("I will make the row darker")
    user.did('opened "Design" and wrote "I will make the row darker"')
    user.saw(f'the composer of "Design" holds "{chat.composer.input_value()}"')
    slow.finish()
    user.did('waited until "Sending…" was gone')
    user.saw(f'the composer of "Design" holds "{chat.composer.input_value()}"')
    chat.open("General")
    user.did('opened "General" again')
    user.saw(f'the composer of "General" holds "{chat.composer.input_value()}"')
    chat.open("Design")
    user.did('opened "Design" again')
    user.saw(f'the composer of "Design" holds "{chat.composer.input_value()}"')
