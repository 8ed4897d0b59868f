"""Where somebody sits: a browser context with one page."""

TIMEOUT_MS = 5_000
LINE_LIMIT = 100
LINE_LENGTH = 500
VIEWPORTS = {
    "laptop": {"width": 1100, "height": 700},
    "phone": {"width": 390, "height": 760},
}


class Seat:
    def __init__(self, browser, app_url, results, film):
        self.name = None
        self.lines = 0
        self.app_url = app_url
        self.results = results
        self.context = browser.new_context(service_workers="block")
        self.context.set_default_timeout(TIMEOUT_MS)
        # A film of the page costs as much as the test itself.
        self.context.tracing.start(screenshots=film, snapshots=True, sources=False)
        self.page = self.context.new_page()
        self.devtools = self.context.new_cdp_session(self.page)
        self.page.on("console", lambda message: self.heard(f"console: {message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.heard(f"error in the page: {error}"))

    def heard(self, what):
        # The page may say whatever it likes, and as often as it likes.
        self.lines += 1
        if self.lines <= LINE_LIMIT:
            self.results.log(f"{self.name}: {what[:LINE_LENGTH]}")

    def take(self, name, device):
        self.name = name
        self.lines = 0
        self.page.set_viewport_size(VIEWPORTS[device])
        self.context.tracing.start_chunk(title=name)

    def keep_evidence(self):
        self.results.screenshot(self.page, self.name)
        self.results.add_trace(self.context, self.name)

    def leave(self):
        """As if nobody had been here."""
        self.page.unroute_all()
        self.page.goto("about:blank")
        self.devtools.send("Storage.clearDataForOrigin", {"origin": self.app_url, "storageTypes": "all"})
