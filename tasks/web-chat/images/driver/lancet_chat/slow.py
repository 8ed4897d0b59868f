"""A connection on which a message is on its way for as long as the test likes."""


class SlowSend:
    def __init__(self, page):
        self.page = page
        self.held = []
        page.route("**/*", self.hold)

    def hold(self, route):
        if route.request.method == "POST" and not self.held:
            self.held.append(route)
        else:
            route.continue_()

    def start(self, chat, text):
        """Sends, up to where the message is on its way."""
        chat.composer.fill(text)
        with self.page.expect_request(lambda request: request.method == "POST"):
            chat.composer.press("Enter")
        self.page.get_by_text("Sending…").wait_for()

    def finish(self):
        self.held[0].continue_()
        self.page.unroute("**/*", self.hold)
        self.page.get_by_text("Sending…").wait_for(state="hidden")
