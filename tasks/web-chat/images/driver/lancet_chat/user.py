"""The user, who follows the steps of an issue and tells what happens."""

from playwright.sync_api import Error


class User:
    def __init__(self, chat, results):
        self.chat = chat
        self.results = results
        self.pictures = 0

    def did(self, what):
        self.results.log(f"did: {what}")

    def saw(self, what):
        """Notes what is to be seen, and takes a picture of it."""
        self.results.log(f"saw: {what}")
        self.pictures += 1
        self.results.screenshot(self.chat.page, f"step-{self.pictures}")

    def waited_for(self, locator, state, what):
        """Whether it came about within two seconds."""
        try:
            locator.wait_for(state=state, timeout=2_000)
        except Error:
            self.results.log(f"waited: two seconds for {what}, which did not happen")
            return False
        self.results.log(f"waited: for {what}, which happened")
        return True
