LAST = "I would also make the badge larger."


def badge(chat):
    badge = chat.badge("Design")
    return f'"Design" with a badge that says {badge.inner_text()}' if badge.is_visible() else '"Design" without a badge'


def test_steps(chat, user):
    user.saw(badge(chat))
    chat.open("Design")
    user.did('opened "Design"')
    user.waited_for(chat.badge("Design"), "hidden", "the badge to go away")
    user.saw(badge(chat))
    chat.button(LAST, "Mark as unread").click()
    user.did('chose "Mark as unread" at the last message')
    user.waited_for(chat.badge("Design"), "visible", "the badge to come back")
    user.saw(badge(chat))
    chat.open("General")
    user.did('opened "General"')
    user.saw(badge(chat))
    chat.open("Design")
    user.did('opened "Design" again')
    user.waited_for(chat.badge("Design"), "hidden", "the badge to go away")
    user.saw(badge(chat))
