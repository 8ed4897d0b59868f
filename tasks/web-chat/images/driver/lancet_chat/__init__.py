"""Fixtures for the browser tests of the web chat, loaded with `pytest -p lancet_chat`.

Each test has a workspace of the chat for itself, and each person in it a browser context of their own, cleared between
tests. Whatever happens is kept in /lancet/results: log.txt, trace.zip and screenshots/.
"""

import itertools
import os

import pytest
from playwright.sync_api import Error, TimeoutError, expect, sync_playwright

from .chat import Chat
from .results import Results
from .seat import TIMEOUT_MS, Seat
from .user import User

workspaces = itertools.count(1)
failed = pytest.StashKey[bool]()
# Why later tests need not be tried: every wait takes seconds, and the verdict is clear by then.
unusable = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        item.stash[failed] = True
    return report


@pytest.fixture(scope="session")
def app_url():
    return f"http://{os.environ['LANCET_APP_HOST']}:8080"


@pytest.fixture(scope="session")
def results():
    return Results("/lancet/results")


@pytest.fixture(scope="session")
def browser():
    os.makedirs(os.path.expanduser("~"), exist_ok=True)
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs user namespaces, which the container refuses.
        try:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium-headless-shell",
                args=["--no-sandbox", "--disable-gpu"],
            )
        except Error as error:
            # No fault of what is tested: the run ends without a result for any test.
            pytest.exit(f"the browser does not start: {error.message}", returncode=3)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def free_seats():
    """Seats to be taken again, as clean as new ones. A new one costs more than most tests."""
    return []


@pytest.fixture
def visit(request, browser, free_seats, app_url, results):
    """`visit("Jonas Weber", device="phone")` signs in, and gives the chat as that person sees it."""
    title = request.node.name.removeprefix("test_")
    workspace = f"workspace-{next(workspaces)}"
    taken = []

    def visit(person="Mara Lind", device="laptop"):
        if unusable in request.config.stash:
            pytest.fail(request.config.stash[unusable])
        seat = free_seats.pop() if free_seats else Seat(browser, app_url, results, film="user" in request.fixturenames)
        taken.append(seat)
        seat.take(f"{title}-{len(taken)}-{person.split()[0].lower()}-{device}", device)
        chat = Chat(seat.page)
        try:
            chat.sign_in(app_url, workspace, person)
        except Error:
            request.config.stash[unusable] = "nobody could sign in in an earlier test"
            raise
        return chat

    results.log(f"== {title}")
    yield visit
    for seat in taken:
        try:
            seat.keep_evidence()
            seat.leave()
        except Error as error:
            results.log(f"{seat.name}: {error.message.splitlines()[0]}")
            seat.context.close()
            if isinstance(error, TimeoutError) and failed in request.node.stash:
                request.config.stash[unusable] = "the page did not answer any more in an earlier test"
        else:
            free_seats.append(seat)


@pytest.fixture
def chat(visit):
    """The chat as Mara Lind sees it on a laptop."""
    return visit()


@pytest.fixture
def user(chat, results):
    """Mara Lind on a laptop, who tells what she does and sees."""
    user = User(chat, results)
    user.did("signed in as Mara Lind, on a laptop")
    return user
