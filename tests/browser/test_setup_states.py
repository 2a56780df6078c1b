"""<amazon-pay-setup> in every state that a customer can meet, and when something changes meanwhile."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import accessible
from tests.browser.conftest import Browse
from tests.browser.fake_api import come_back, mandate
from tests.browser.fake_checkout import RETURNED, SESSION, SETUP, FakeCheckout, problem_of
from tests.browser.reader import PHONE
from tests.browser.watch import Watch

Opened = Callable[..., tuple[Page, FakeCheckout]]
OPEN = "POST /checkout-sessions"
TERMS = "GET /terms/current"


@pytest.fixture
def opened(browse: Browse) -> Opened:
    def opened(
        at: str = "/made-up", body: str = SETUP, set_up: Any = None, **reader: Any
    ) -> tuple[Page, FakeCheckout]:
        page = browse(**reader)
        api = FakeCheckout(page.context, body)
        if set_up:
            set_up(api)
        page.goto(at)
        return page, api

    return opened


def box(page: Page) -> Locator:
    return page.get_by_role("checkbox")


def button(page: Page) -> Locator:
    return page.locator("amazon-pay-setup").get_by_role("button")


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", level=2, name=name)


def agree(page: Page) -> None:
    box(page).check()
    button(page).click()


def fits(page: Page) -> bool:
    """Nothing needs scrolling sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_each_outcome_is_told_as_it_is(opened: Opened, watch: Watch) -> None:
    watch.expect("404")
    page, api = opened(RETURNED, set_up=lambda api: api.session.update(status="active"))
    outcomes = [("active", "is saved"), ("expired", "was not saved"), ("revoked", "was withdrawn")]
    for status, words in outcomes:
        api.session["status"] = status
        page.goto(RETURNED)
        expect(heading(page, words)).to_be_visible()
        expect(page.locator("[role=status]")).to_contain_text(words)
        expect(page).not_to_have_url(re.compile("return_token"))
    accessible(page)
    api.refusals[f"GET /checkout-sessions/{SESSION}"] = problem_of("not_found", 404)
    page.goto(RETURNED)
    expect(heading(page, "not started in your account")).to_be_visible()
    accessible(page)
    button(page).click()
    expect(box(page)).to_be_visible()
    assert page.url.endswith("/made-up")
    expect(heading(page, "Save Amazon Pay")).to_be_focused()


def test_a_decline_leads_to_the_same_page_again(opened: Opened) -> None:
    page, api = opened()
    agree(page)
    page.wait_for_url("**/elsewhere")
    api.session["last_failure"] = "payment_method_provider_decline"
    page.clock.install()
    page.goto(RETURNED)
    expect(heading(page, "One moment")).to_be_visible()
    page.clock.run_for(6000)
    expect(heading(page, "did not confirm")).to_be_visible()
    expect(page.get_by_role("link", name="Try again with Amazon Pay")).to_have_attribute("href", "/elsewhere")
    accessible(page)
    api.session["status"] = "active"  # in another tab
    come_back(page)
    expect(heading(page, "is saved")).to_be_visible()


def test_what_became_of_it_is_known_without_the_return_address(opened: Opened) -> None:
    page, api = opened()
    agree(page)
    page.wait_for_url("**/elsewhere")
    api.mandates = [mandate("m1", **api.is_under_the_terms(), status="pending")]
    page.goto("/made-up")
    expect(page.get_by_text("You came back without finishing").first).to_be_visible()
    api.session["last_failure"] = "payment_method_provider_decline"
    page.goto("/made-up")
    expect(page.get_by_text("Nothing was saved and nothing was charged").first).to_be_visible()
    api.session["last_failure"] = None
    page.goto(RETURNED)
    expect(heading(page, "One moment")).to_be_visible()
    page.goto("/made-up")  # before it is confirmed
    expect(heading(page, "One moment")).to_be_visible()
    api.session["status"] = "active"
    come_back(page)
    expect(heading(page, "is saved")).to_be_visible()


def test_what_takes_too_long_may_be_left_or_checked_again(opened: Opened) -> None:
    page, api = opened("/elsewhere")
    page.clock.install()
    page.goto(RETURNED)
    expect(heading(page, "One moment")).to_be_visible()
    accessible(page)
    for _ in range(30):
        page.clock.run_for(8000)
        if heading(page, "longer than usual").is_visible():
            break
    accessible(page)
    api.session["status"] = "active"
    button(page).click()
    expect(heading(page, "is saved")).to_be_focused()


def test_changed_terms_are_read_again_with_what_is_new_on_top(opened: Opened, watch: Watch) -> None:
    watch.expect("409")
    page, api = opened()
    expect(box(page)).not_to_be_checked()
    api.version, api.texts["en"]["timing"] = "2026-12-01", "We debit your account when an order arrives."
    api.refusals[OPEN] = problem_of("terms_changed", 409)
    agree(page)
    notice = page.locator(".notice")
    expect(notice).to_be_focused()
    expect(notice).to_contain_text("The terms have changed")
    expect(notice.get_by_role("term")).to_have_text(["When"])
    expect(page.get_by_text("when an order arrives")).to_have_count(2)
    expect(box(page)).not_to_be_checked()
    accessible(page)
    api.refusals.clear()
    agree(page)
    page.wait_for_url("**/elsewhere")
    assert api.sent[-1]["terms_version"] == "2026-12-01"


def test_what_another_tab_or_the_business_changed_shows_on_coming_back(opened: Opened) -> None:
    page, api = opened()
    box(page).check()
    come_back(page)
    expect(box(page)).to_be_checked()
    api.version = "2026-12-01"
    come_back(page)
    expect(page.get_by_text("Its text in this language is the same")).to_be_visible()
    expect(box(page)).not_to_be_checked()
    api.mandates = [mandate("m1", **api.is_under_the_terms())]
    box(page).focus()
    come_back(page)
    expect(heading(page, "is saved")).to_be_focused()
    expect(page.get_by_text("Amazon Pay · Visa •••• 4242")).to_be_visible()
    expect(page.get_by_role("link", name="Your account")).to_be_visible()
    accessible(page)
    api.mandates = []  # withdrawn
    come_back(page)
    expect(box(page)).not_to_be_checked()


def test_a_tick_and_an_email_address_are_of_one_customer_alone(opened: Opened) -> None:
    page, api = opened(body=SETUP.replace(" api=", ' email="mara@example.com" api='))
    box(page).check()
    api.customer = "customer-2"
    come_back(page)
    expect(box(page)).not_to_be_checked()
    box(page).check()
    api.customer = "customer-3"
    page.evaluate("document.querySelector('amazon-pay-setup').client.forgetToken()")  # as if it had expired
    button(page).click()
    expect(box(page)).not_to_be_checked()
    assert api.sent == []
    with page.expect_request("**/api/customers/customer-3") as saved:
        agree(page)
    assert saved.value.post_data_json == {}
    page.wait_for_url("**/elsewhere")
    assert len(api.sent) == 1


def test_another_language_is_another_consent(opened: Opened) -> None:
    page, api = opened(locale="fr-CH")
    box(page).check()
    page.get_by_label("Language").select_option("de")
    expect(button(page)).to_have_text("Weiter zu Amazon Pay")
    expect(page.get_by_label("Sprache")).to_be_focused()
    expect(box(page)).not_to_be_checked()
    expect(page.get_by_role("region")).to_have_attribute("lang", "de")
    button(page).click()
    expect(page.get_by_role("alert")).to_contain_text("Bitte setzen Sie das Häkchen")
    agree(page)
    page.wait_for_url("**/elsewhere")
    assert [sent["locale"] for sent in api.sent] == ["de"]


def test_offline_the_consent_waits_and_can_be_taken_back(opened: Opened, watch: Watch) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    page, api = opened()
    expect(box(page)).to_be_visible()
    api.offline = True
    page.context.set_offline(True)
    agree(page)
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    box(page).uncheck()
    expect(button(page)).to_have_text("Continue to Amazon Pay")
    agree(page)
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    api.offline = False
    page.context.set_offline(False)
    page.wait_for_url("**/elsewhere")
    assert len(api.sent) == 1


def test_who_is_not_signed_in_any_more_is_told_so(opened: Opened, watch: Watch) -> None:
    watch.expect("401")
    page, api = opened()
    expect(box(page)).to_be_visible()
    api.customer, api.refusals[OPEN] = None, problem_of("unauthenticated", 401)
    api.refusals["PUT /customers/customer-1"] = problem_of("unauthenticated", 401)
    agree(page)
    expect(heading(page, "Please sign in")).to_be_focused()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    accessible(page)
    api.customer = "customer-1"
    come_back(page)
    expect(box(page)).not_to_be_checked()


def test_what_goes_wrong_is_said_where_it_happens(opened: Opened, watch: Watch) -> None:
    watch.expect("429")
    watch.expect("502")
    page, api = opened(set_up=lambda api: api.refusals.update({TERMS: problem_of("stripe_refused", 502)}))
    expect(heading(page, "Not available right now")).to_be_visible()
    accessible(page)
    api.refusals.clear()
    come_back(page)
    api.refusals[OPEN] = problem_of("too_many_checkouts", 429)
    agree(page)
    expect(page.get_by_role("alert")).to_contain_text("in 30 min")
    expect(box(page)).to_be_checked()
    accessible(page)
    api.refusals.clear()
    button(page).dblclick()
    page.wait_for_url("**/elsewhere")
    assert len(api.sent) == 1


def test_while_loading_the_place_is_kept(opened: Opened) -> None:
    page, api = opened(width=PHONE, set_up=lambda api: api.held.update({TERMS: []}))
    expect(page.locator("[role=status]")).to_have_text("Loading the terms…")
    accessible(page)
    loading = page.locator("amazon-pay-setup").bounding_box()
    api.held.pop(TERMS)[0].fulfill(json=api.current("en"))
    expect(box(page)).to_be_visible()
    shown = page.locator("amazon-pay-setup").bounding_box()
    assert loading
    assert shown
    assert loading["height"] > 0.75 * shown["height"]


def test_large_german_text_fits_a_narrow_screen(opened: Opened) -> None:
    page, _ = opened(locale="de-AT", width=320, text=200, scheme="dark")
    expect(box(page)).to_be_visible()
    assert fits(page)
    accessible(page)
    for target in (page.locator("label.choice"), button(page), page.locator("select")):
        place = target.bounding_box()
        assert place
        assert place["height"] >= 44
