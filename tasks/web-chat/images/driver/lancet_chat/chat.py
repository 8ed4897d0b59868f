"""The chat's page, in the words of its users."""

import re

# For what has to be so by now: the action is over, and only drawing may be left to do.
SETTLED_MS = 2_000


class Chat:
    def __init__(self, page):
        self.page = page
        self.chats = page.get_by_role("navigation", name="Chats")
        self.messages = page.get_by_role("list", name="Messages")
        self.composer = page.get_by_role("textbox", name="Message", exact=True)
        self.editor = page.get_by_role("textbox", name="Edit message")
        self.people = page.get_by_role("listbox", name="People")
        self.new_line = page.get_by_role("separator", name="New messages")
        self.results = page.get_by_role("list", name="Results")

    def sign_in(self, url, workspace, person):
        self.page.goto(url)
        self.page.get_by_label("Workspace").fill(workspace)
        self.page.get_by_label("Person").select_option(label=person)
        self.page.get_by_role("button", name="Sign in").click()
        self.row("General").wait_for()

    def row(self, name):
        """The line of a chat in the list of chats."""
        return self.chats.get_by_role("link").filter(has=self.page.get_by_text(name, exact=True))

    def badge(self, name):
        """The number of unread messages of a chat; not there when there are none."""
        return self.row(name).get_by_label(re.compile(r"\d+ unread"))

    def open(self, name):
        self.row(name).click()
        self.page.get_by_role("heading", name=name, exact=True).wait_for()
        self.messages.get_by_role("listitem").first.wait_for()

    def message(self, text):
        return self.messages.get_by_role("listitem").filter(has_text=text)

    def send(self, text):
        self.composer.fill(text)
        self.composer.press("Enter")
        self.messages.get_by_text(text, exact=True).wait_for()

    def button(self, text, name):
        """A button of the message with that text."""
        return self.message(text).get_by_role("button", name=name)
