"""What goes wrong around a customer: network, API, tokens, terms, webhooks. Nothing false is shown."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import people, shop
from tests.browser.conftest import Browse
from tests.browser.people import Person, mandates_of
from tests.browser.watch import Watch
from tests.live.stack import LiveStack

TERMS = re.compile(r"/api/terms/current")
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 20_000}
"""Milliseconds and bytes a second: a bad mobile network."""


@pytest.fixture
def held_webhooks(live: LiveStack) -> Iterator[None]:
    """Stripe tells nobody until the test ends. Files that use the stack run one after the other."""
    live.control("faults", webhooks={"outage": True})
    yield
    live.control("faults")


def test_a_token_that_expired_midway_is_replaced_and_nothing_is_noticed(
    shopping: Browse, live: LiveStack, customer: Person, watch: Watch
) -> None:
    watch.expect("status of 401")
    page = shopping()
    shop.open_terms(page)
    # Whatever token the page holds is refused from now on, until it asks for another one.
    page.route(re.compile("/api/checkout-sessions|/api/customers"), as_with_an_expired_token, times=1)
    shop.agree_and_continue(page)
    assert len(mandates_of(live, customer, "pending")) == 1


def as_with_an_expired_token(route: Route) -> None:
    route.continue_(headers={**route.request.headers, "authorization": "Bearer expired"})


def test_terms_that_changed_while_they_were_read_are_read_again(
    shopping: Browse, live: LiveStack, customer: Person, watch: Watch
) -> None:
    """The customer has earlier terms in front of them, which the API itself then refuses."""
    watch.expect("status of 409")
    page = shopping()
    page.route(TERMS, as_of_yesterday, times=1)
    shop.open_terms(page)
    shop.consent(page).check()
    shop.continue_button(page).click()
    expect(page.get_by_role("region").get_by_text("The terms have changed")).to_be_visible()
    expect(page.get_by_text("We debit your account when we like.")).to_have_count(0)
    expect(shop.consent(page)).not_to_be_checked()
    assert mandates_of(live, customer, "pending") == []
    shop.agree_and_continue(page)
    assert len(mandates_of(live, customer, "pending")) == 1


def as_of_yesterday(route: Route) -> None:
    terms: dict[str, Any] = route.fetch().json()
    earlier = {"version": "2026-10-31", "digest": "0" * 64, "wording_digest": "0" * 64}
    sections = {**terms["sections"], "timing": "We debit your account when we like."}
    route.fulfill(json={**terms, **earlier, "sections": sections})


def test_while_the_api_is_down_the_page_says_so_and_goes_on_afterwards(
    shopping: Browse, watch: Watch
) -> None:
    watch.expect("ERR_CONNECTION_REFUSED")
    page = shopping()
    page.route(TERMS, lambda route: route.abort("connectionrefused"))
    page.goto("/amazon-pay")
    expect(shop.heading(page, "Not available right now")).to_be_visible()
    expect(shop.consent(page)).to_have_count(0)
    page.unroute(TERMS)
    page.get_by_role("button", name="Try again").click()
    expect(shop.consent(page)).to_be_visible()


def test_offline_the_consent_waits_for_the_network_and_is_sent_once(
    shopping: Browse, live: LiveStack, customer: Person, watch: Watch
) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    page = shopping()
    shop.open_terms(page)
    page.context.set_offline(True)
    shop.consent(page).check()
    shop.continue_button(page).click()
    expect(page.get_by_role("alert")).to_contain_text("offline")
    page.context.set_offline(False)
    page.wait_for_url(re.compile("/c/pay/"))
    assert len(mandates_of(live, customer, "pending")) == 1


def test_on_a_slow_network_the_page_says_that_it_is_at_work(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    page.goto("/sign-in")  # the cookie is there, and the network still fast
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    page.goto("/amazon-pay", wait_until="commit")
    expect(page.locator("amazon-pay-setup [aria-busy=true]")).to_be_attached()
    shop.consent(page).check()
    shop.continue_button(page).click()
    opening = page.get_by_role("button", name="Opening Amazon Pay")
    expect(opening).to_be_visible()
    opening.click(force=True)
    page.wait_for_url(re.compile("/c/pay/"))
    assert len(mandates_of(live, customer, "pending")) == 1


def test_back_before_the_webhook_the_page_waits_and_then_says_so(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    session = people.begin(live, customer)
    page.goto(f"/amazon-pay?checkout_session_id={session['checkout_session_id']}")
    expect(shop.heading(page, "One moment…")).to_be_visible()
    live.control(f"sessions/{session['checkout_session_id']}/authorize")
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()


def test_webhooks_that_never_come_do_not_keep_it_from_being_saved(
    shopping: Browse, live: LiveStack, customer: Person, held_webhooks: None
) -> None:
    page = shopping()
    session = people.begin(live, customer)
    live.control(f"sessions/{session['checkout_session_id']}/authorize")
    page.goto(f"/amazon-pay?checkout_session_id={session['checkout_session_id']}")
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()


def test_what_one_tab_withdrew_no_other_tab_and_no_merchant_can_charge(
    shopping: Browse, browse: Browse, live: LiveStack, customer: Person, watch: Watch
) -> None:
    watch.expect("status of 409")
    mandate_id = people.save_account(live, customer)
    merchant = browse()
    people.sign_in_as_merchant(merchant.context)
    merchant.goto(f"/console/mandates/{mandate_id}/charge")
    product = shopping()
    product.goto("/")
    expect(product.get_by_role("button", name="Order for")).to_be_visible()
    account = product.context.new_page()
    withdraw(account)
    charge_in_console(merchant)
    expect(merchant.get_by_role("main")).to_contain_text(re.compile("withdr[ae]w", re.IGNORECASE))
    product.bring_to_front()
    product.get_by_role("button", name="Order for").click()
    expect(shop.consent(product)).to_be_visible()
    assert live.call("GET", f"/mandates/{mandate_id}/charges", customer.api.token)["charges"] == []


def withdraw(page: Page) -> None:
    page.goto("/account")
    page.get_by_role("button", name="Withdraw permission").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw", exact=True).click()
    expect(shop.withdrawn(page)).to_be_visible()


def charge_in_console(page: Page) -> None:
    page.get_by_label("Amount").fill("24.00")
    for label in ("Reference", "Description"):
        page.get_by_label(label).fill("Morning Blend")
    page.get_by_role("button", name=re.compile("[Cc]harge")).last.click()


def test_with_the_keyboard_alone_an_account_is_saved_and_withdrawn(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    shop.open_terms(page)
    tab_to(page, "checkbox")
    page.keyboard.press("Space")
    expect(shop.consent(page)).to_be_checked()
    tab_to(page, "Continue to Amazon Pay")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/c/pay/"))
    tab_to(page, "continue")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/c/amazon_pay/"))
    tab_to(page, "authorize")
    page.keyboard.press("Enter")
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    tab_to(page, "Your account")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/account"))
    expect(page.get_by_role("button", name="Withdraw permission")).to_be_visible()
    tab_to(page, "Withdraw permission")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Withdraw permission")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Withdraw", exact=True)
    page.keyboard.press("Enter")
    expect(shop.withdrawn(page)).to_be_visible()
    assert mandates_of(live, customer) == []


FOCUSED = """() => {
  let one = document.activeElement
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement
  return [one?.type ?? '', one?.id ?? '', one?.textContent.trim() ?? '']
}"""


def tab_to(page: Page, what: str, *, exact: bool = False) -> None:
    """Press Tab until what has the focus is of that type, has that id, or says that."""
    for _ in range(30):
        page.keyboard.press("Tab")
        kind, identifier, text = page.evaluate(FOCUSED)
        if what in {kind, identifier, text} or (not exact and what in text):
            return
    raise AssertionError(f"{what} can't be reached by Tab")
