import os
import re
import sys
import uuid

from utils.online_guard import install_online_guard_sync
from utils.trace_cleaner import trace_cleaner

base_path = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, base_path)

from playwright.sync_api import expect, sync_playwright

NEWDOT_URL = "https://dev.new.expensify.com:8082/"
EMAIL = "ada+90001@example.com"
PASSWORD = "aaaa bbbb cccc dddd"


def login(page, email):
    page.goto(NEWDOT_URL, timeout=60000)
    page.get_by_test_id("username").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.locator('input[data-testid="validateCode"]').fill("123456")
    page.get_by_role("button", name=re.compile(r"^(continue|sign.?in)$", re.I)).click()


def send(page, text):
    page.get_by_label("Write something...").fill(text)
    page.get_by_role("button", name="Send").click()
    page.wait_for_timeout(500)


def test_last_message_preview(pytestconfig):
    trace_enabled = pytestconfig.getoption("--user-tool-trace")
    with sync_playwright() as p:
        browser = p.chromium.launch(
            proxy={"server": "http://localhost:8080"},
            headless=True,
            args=[
                "--ignore-certificate-errors",
                "--disable-web-security",
                "--disable-features=IsolateOrigins,site-per-process",
            ],
            channel="chrome",
        )
        context = browser.new_context(ignore_https_errors=True)
        if trace_enabled:
            context.tracing.start(screenshots=True, snapshots=True, sources=True)

        try:
            page = context.new_page()
            install_online_guard_sync(context, page)

            # Step 1: Sign in, and wait for the connection to the push server
            login(page, EMAIL)
            expect(page.get_by_text("You appear to be offline.")).to_be_hidden(timeout=30000)

            # Step 2: What the server sent is shown as plain text
            expect(page.get_by_test_id("preview-8214")).to_have_text(
                "Lunch at Fran & Ada's bring cash"
            )

            # Step 3: So is what is sent now
            page.get_by_test_id("8215").click()
            expect(page.get_by_test_id("report-screen-8215")).to_be_visible()
            send(page, "*Agenda* & notes:\nsee _the_ [wiki](https://example.com/wiki)")
            expect(page.get_by_test_id("preview-8215")).to_have_text(
                "Agenda & notes: see the wiki"
            )

            # Step 4: The chat itself keeps its formatting
            expect(page.get_by_test_id("action-1").locator("em")).to_have_text("the")
        finally:
            if trace_enabled:
                trace_path = f"/app/expensify/user_tool/output_{uuid.uuid4().hex}.zip"
                os.makedirs(os.path.dirname(trace_path), exist_ok=True)
                context.tracing.stop(path=trace_path)
                trace_cleaner(trace_path)

            context.close()
            browser.close()
