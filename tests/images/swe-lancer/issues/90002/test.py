import os
import sys
import uuid

from utils.online_guard import install_online_guard_async
from utils.trace_cleaner import trace_cleaner

base_path = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, base_path)

import pytest
from playwright.async_api import Page, async_playwright, expect

NEW_DOT_URL = "https://dev.new.expensify.com:8082"
EXPENSIFY_EMAIL = os.getenv("USER_EMAIL", "grace+90002@example.com")


async def login_user(page: Page):
    await page.goto(NEW_DOT_URL, timeout=60000)
    await page.locator('input[type="email"]').fill(EXPENSIFY_EMAIL)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_test_id("validateCode").fill("123456")
    await page.get_by_role("button", name="Sign in").click()


@pytest.mark.asyncio
async def test_90002(pytestconfig):
    trace_enabled = pytestconfig.getoption("--user-tool-trace")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(headless=True, slow_mo=50)
        context = await browser.new_context(ignore_https_errors=True)
        if trace_enabled:
            await context.tracing.start(screenshots=True, snapshots=True, sources=True)

        try:
            page = await context.new_page()
            await install_online_guard_async(context, page)
            await login_user(page)

            # Open the chat, and send a formatted message
            await page.get_by_label("concierge@example.com").click()
            comment = "*Receipts* are in [the folder](https://example.com/receipts)"
            await page.get_by_label("Write something...").fill(comment)
            await page.get_by_role("button", name="Send").click()
            message = page.get_by_test_id("action-1")
            await expect(message.get_by_role("link", name="the folder")).to_be_visible()

            # Edit it: the box holds what was typed
            await message.get_by_role("button", name="Edit comment").click()
            box = page.get_by_label("Edit message")
            await expect(box).to_have_value(comment)

            # Add a word, and save: the rest of the message is as before
            await box.fill(f"{await box.input_value()} now")
            await page.get_by_role("button", name="Save changes").click()
            await expect(message).to_contain_text("Receipts are in the folder now")
            await expect(message).to_contain_text("(edited)")
            await expect(message.get_by_role("link", name="the folder")).to_have_attribute(
                "href", "https://example.com/receipts"
            )
        finally:
            if trace_enabled:
                trace_path = f"/app/expensify/user_tool/output_{uuid.uuid4().hex}.zip"
                os.makedirs(os.path.dirname(trace_path), exist_ok=True)
                await context.tracing.stop(path=trace_path)
                trace_cleaner(trace_path)

            await context.close()
            await browser.close()
