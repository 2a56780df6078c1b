"""The browser shows what a customer's would show, and what a page does wrong is noticed."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import accessible
from tests.browser.moves import go_back
from tests.browser.reader import PHONE, Reader
from tests.browser.watch import Watch
from tests.live.shared import StackJson

STRICT = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; img-src data:"}
PAGE = '<!doctype html><html lang="en"><title>Made up</title><link rel="icon" href="data:,"><main>'
UNREADABLE = """
  const host = document.createElement('div')
  document.body.append(host)
  host.attachShadow({ mode: 'open' }).append(document.createElement('button'))
"""


@pytest.fixture
def made_up(browser: Browser, stack: StackJson) -> Any:
    """A page with this body under a strict policy, and a watch that no test depends on."""
    contexts = []

    def made_up(body: str, **reader: Any) -> tuple[Page, Watch]:
        watch = Watch(stack["storefront_url"])
        context = Reader(**reader).context(browser, base_url=stack["storefront_url"])
        contexts.append(context)
        watch.follow(context)
        context.route(
            "**/made-up*",
            lambda route: route.fulfill(body=PAGE + body, content_type="text/html", headers=STRICT),
        )
        page = context.new_page()
        page.goto("/made-up")
        return page, watch

    yield made_up
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("deed", "complaint"),
    [
        ("console.error('broken')", "console: broken"),
        ("setTimeout(() => { throw new Error('thrown') })", "uncaught: thrown"),
        ("setTimeout(() => Promise.reject(new Error('rejected')))", "uncaught: rejected"),
        ("const inline = document.createElement('script'); inline.text = '1'; document.body.append(inline)",
         "securitypolicyviolation: script-src-elem inline"),
        ("document.body.setAttribute('style', 'color: red')",
         "securitypolicyviolation: style-src-attr inline"),
        ("location.assign('http://elsewhere.example/')", "called elsewhere: GET http://elsewhere.example/"),
    ],
)  # fmt: skip
def test_what_a_page_does_wrong_is_noticed(
    made_up: Callable[..., tuple[Page, Watch]], deed: str, complaint: str
) -> None:
    page, watch = made_up("<h1>Made up</h1>")
    assert watch.complaints() == []
    page.evaluate(f"() => {{ {deed} }}")
    page.wait_for_function("() => true")
    assert any(complaint in seen for seen in watch.complaints()), watch.seen


def test_what_a_test_provokes_has_to_happen(made_up: Callable[..., tuple[Page, Watch]]) -> None:
    page, watch = made_up("")
    watch.expect("provoked")
    assert watch.complaints() == ["expected, and did not happen: provoked"]
    page.evaluate("() => console.error('provoked')")
    assert watch.complaints() == []


def test_axe_sees_into_shadow_roots_and_breaks_no_policy(
    made_up: Callable[..., tuple[Page, Watch]],
) -> None:
    page, watch = made_up("<h1>Made up</h1>")
    accessible(page)
    page.evaluate(f"() => {{ {UNREADABLE} }}")
    with pytest.raises(AssertionError, match="button-name"):
        accessible(page)
    assert watch.complaints() == []


def test_a_reader_brings_language_width_colours_and_size_of_text(
    made_up: Callable[..., tuple[Page, Watch]],
) -> None:
    page, _ = made_up("", locale="de-DE", width=PHONE, scheme="dark", text=200)
    assert page.evaluate("""() => [
      navigator.language, innerWidth, matchMedia('(prefers-color-scheme: dark)').matches,
      getComputedStyle(document.documentElement).fontSize,
    ]""") == ["de-DE", PHONE, True, "32px"]


def test_going_back_restores_the_page_as_it_was_left(made_up: Callable[..., tuple[Page, Watch]]) -> None:
    """The back/forward cache, which Playwright switches off by default."""
    page, _ = made_up("<h1>Made up</h1>")
    page.evaluate("() => addEventListener('pageshow', (event) => { window.restored = event.persisted })")
    page.goto("/made-up?another")
    go_back(page)
    assert page.evaluate("() => window.restored") is True


def test_the_shop_is_what_the_browser_opens(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
