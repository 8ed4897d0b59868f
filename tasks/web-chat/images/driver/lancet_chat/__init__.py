"""Fixtures for the browser tests of the web chat, loaded with `pytest -p lancet_chat`.

Each test has a workspace of the chat for itself, and each person in it a browser context of their own. Whatever happens
is kept in /lancet/results: log.txt, trace.zip and screenshots/.
"""

import itertools
import os
import re

import pytest
from playwright.sync_api import Error, expect, sync_playwright

from .chat import Chat
from .results import Results
from .user import User

ACTION_TIMEOUT_MS = 5_000
VIEWPORTS = {
    "laptop": {"width": 1100, "height": 700},
    "phone": {"width": 390, "height": 760},
}

workspaces = itertools.count(1)


@pytest.fixture(scope="session")
def app_url():
    return f"http://{os.environ['LANCET_APP_HOST']}:8080"


@pytest.fixture(scope="session")
def results():
    return Results("/lancet/results")


@pytest.fixture(scope="session")
def browser():
    os.makedirs(os.path.expanduser("~"), exist_ok=True)
    expect.set_options(timeout=ACTION_TIMEOUT_MS)
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs user namespaces, which the container refuses.
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu"],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(request, browser, app_url, results):
    """`visit("Jonas Weber", device="phone")` signs in, and gives the chat as that person sees it."""
    title = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))
    workspace = f"workspace-{next(workspaces)}"
    visits = []

    def visit(person="Mara Lind", device="laptop"):
        context = browser.new_context(viewport=VIEWPORTS[device], service_workers="block")
        context.set_default_timeout(ACTION_TIMEOUT_MS)
        name = f"{title}-{len(visits) + 1}-{person.split()[0].lower()}-{device}"
        context.tracing.start(title=name, screenshots=True, snapshots=True, sources=False)
        page = context.new_page()
        visits.append((name, context, page))
        page.on("console", lambda message: results.log(f"console of {person} ({device}): {message.type}: {message.text}"))
        page.on("pageerror", lambda error: results.log(f"error in the page of {person} ({device}): {error}"))
        chat = Chat(page)
        chat.sign_in(app_url, workspace, person)
        return chat

    results.log(f"== {title}")
    yield visit
    for name, context, page in visits:
        try:
            results.screenshot(page, name)
            results.add_trace(context, name)
        except Error as error:
            results.log(f"nothing could be kept of {name}: {error.message}")
        context.close()


@pytest.fixture
def chat(visit):
    """The chat as Mara Lind sees it on a laptop."""
    return visit()


@pytest.fixture
def user(chat, results):
    """Mara Lind on a laptop, who tells what she does and sees."""
    return User(chat, results)
