"""Tests in a browser, on the run's one stack.

Without Chromium they are skipped. With REQUIRE_BROWSER=1 they fail instead.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local.journey import Business
from tests.browser import chromium, people
from tests.browser.people import Person
from tests.browser.reader import PATIENCE_MS, Reader
from tests.browser.watch import Watch
from tests.live.shared import StackJson
from tests.live.stack import LiveStack

Browse = Callable[..., Page]

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.stack)


# Of the package, not the session: while Playwright runs, tests that start a loop of their own can't.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = chromium.find()
    if executable is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(chromium.NOT_FOUND)
        pytest.skip(f"{chromium.NOT_FOUND} REQUIRE_BROWSER=1 fails instead.")
    with chromium.started(executable) as running:
        yield running


@pytest.fixture(autouse=True)
def _counted(browser: Browser, request: pytest.FixtureRequest) -> None:
    """For the run's summary."""
    request.node.user_properties.append(("browser", f"{browser.browser_type.name} {browser.version}"))


@pytest.fixture
def watch(browser: Browser, stack: StackJson) -> Iterator[Watch]:
    """Fails the test at its end if a page did what it may not. A test announces what it provokes."""
    watch = Watch(stack["storefront_url"], stack["stripe_url"])
    yield watch
    complaints = watch.complaints()
    assert complaints == [], "\n".join(complaints)


@pytest.fixture
def browse(browser: Browser, watch: Watch, stack: StackJson) -> Iterator[Browse]:
    """Open a page as a reader with a browser of their own: `browse(locale="de-DE", width=PHONE)`.

    What a reader brings is in `Reader`. Addresses without a host are the shop's.
    """
    with ExitStack() as contexts:

        def browse(**reader: Any) -> Page:
            context = Reader(**reader).context(browser, base_url=stack["storefront_url"])
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            watch.follow(context)
            return context.new_page()

        yield browse


@pytest.fixture
def page(browse: Browse) -> Page:
    """Of an English reader at a desk."""
    return browse()


@pytest.fixture
def live(stack: StackJson) -> Iterator[LiveStack]:
    running = LiveStack(stack)
    yield running
    running.control("faults")
    running.close()


@pytest.fixture
def business(stack: StackJson) -> Iterator[Business]:
    caller = Business(stack["api_url"], stack["tokens"]["service"])
    yield caller
    caller.close()


@pytest.fixture
def customer(live: LiveStack) -> Iterator[Person]:
    """Signed up for this test alone."""
    person = people.sign_up(live)
    yield person
    person.api.close()


@pytest.fixture
def shopping(browse: Browse, customer: Person) -> Browse:
    """As `browse`, and the customer is signed in at the shop."""

    def shopping(**reader: Any) -> Page:
        page = browse(**reader)
        people.sign_in(page.context, customer)
        return page

    return shopping
