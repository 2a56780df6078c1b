"""A customer saves Amazon Pay: the plain way, and the ways that people and browsers really go."""

import re

from playwright.sync_api import expect

from tests.browser import people, shop
from tests.browser.conftest import Browse
from tests.browser.moves import go_back
from tests.browser.people import Person, mandates_of
from tests.browser.watch import Watch
from tests.live.stack import LiveStack


def test_a_customer_agrees_authorises_and_is_told_so(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    shop.open_terms(page)
    expect(shop.consent(page)).not_to_be_checked()
    shop.continue_button(page).click()
    expect(page.get_by_text("Please tick the box if you agree")).to_be_visible()
    expect(shop.consent(page)).to_be_focused()
    shop.agree_and_continue(page)
    shop.to_amazon(page)
    shop.authorize(page)
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    expect(page).not_to_have_url(re.compile("return_token"))
    assert len(mandates_of(live, customer)) == 1
    shop_again = page.context.new_page()
    shop_again.goto("/amazon-pay")
    expect(shop.heading(shop_again, shop.ENGLISH["saved"])).to_be_visible()
    expect(shop.consent(shop_again)).to_have_count(0)


def test_after_a_decline_the_customer_tries_again(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    shop.open_terms(page)
    shop.agree_and_continue(page)
    shop.to_amazon(page)
    shop.decline(page)
    shop.to_amazon(page)
    shop.authorize(page)
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    assert len(mandates_of(live, customer)) == 1


def test_back_by_the_hosted_pages_link_and_nothing_is_agreed_to(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    shop.open_terms(page)
    shop.agree_and_continue(page)
    page.get_by_test_id("back").click()
    expect(page.get_by_role("region").get_by_text("You came back without finishing")).to_be_visible()
    expect(shop.consent(page)).not_to_be_checked()
    shop.agree_and_continue(page)
    shop.to_amazon(page)
    shop.authorize(page)
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    assert len(mandates_of(live, customer)) == 1


def test_back_by_the_browsers_button_and_the_page_is_of_use(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping()
    shop.open_terms(page)
    page.evaluate("() => addEventListener('pageshow', (event) => { window.restored = event.persisted })")
    shop.agree_and_continue(page)
    go_back(page)
    expect(shop.continue_button(page)).to_be_enabled()
    assert page.evaluate("() => window.restored") is True
    expect(shop.consent(page)).not_to_be_checked()
    shop.agree_and_continue(page)
    shop.to_amazon(page)
    shop.authorize(page)
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    assert len(mandates_of(live, customer)) == 1


def test_a_double_click_opens_one_checkout(shopping: Browse, live: LiveStack, customer: Person) -> None:
    page = shopping()
    shop.open_terms(page)
    shop.consent(page).check()
    opened = []
    page.on("request", lambda request: opened.append(request.url) if request.method == "POST" else None)
    shop.continue_button(page).dblclick(no_wait_after=True)
    page.wait_for_url(re.compile("/c/pay/"))
    assert len([url for url in opened if url.endswith("/checkout-sessions")]) == 1
    assert len(mandates_of(live, customer, "pending")) == 1


def test_two_tabs_end_with_one_permission(shopping: Browse, live: LiveStack, customer: Person) -> None:
    page = shopping()
    other = page.context.new_page()
    for tab in (page, other):
        shop.open_terms(tab)
    for tab in (page, other):
        tab.bring_to_front()
        shop.agree_and_continue(tab)
    shop.to_amazon(page)
    shop.authorize(page)
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    other.goto("/amazon-pay")
    expect(shop.heading(other, shop.ENGLISH["saved"])).to_be_visible()
    assert len(mandates_of(live, customer)) == 1


def test_a_german_reader_agrees_in_german(shopping: Browse, live: LiveStack, customer: Person) -> None:
    page = shopping(locale="de-DE")
    shop.open_terms(page, shop.GERMAN)
    setup = page.locator("amazon-pay-setup")
    expect(setup.get_by_text("ermächtigen Sie Example Shop")).to_be_visible()
    expect(setup.get_by_role("region").or_(setup.locator("section"))).to_have_attribute("lang", "de")
    shop.agree_and_continue(page, shop.GERMAN)
    shop.to_amazon(page)
    shop.authorize(page)
    expect(shop.heading(page, shop.GERMAN["saved"])).to_be_visible()
    (mandate_id,) = mandates_of(live, customer)
    assert customer.api.mandate(mandate_id)["locale"] == "de"


def test_the_return_address_works_in_any_tab_and_twice(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    session = people.begin(live, customer)
    live.control(f"sessions/{session['checkout_session_id']}/authorize")
    page = shopping()
    page.goto(f"/amazon-pay?checkout_session_id={session['checkout_session_id']}")
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()
    page.reload()
    expect(shop.heading(page, shop.ENGLISH["saved"])).to_be_visible()


def test_somebody_elses_return_address_shows_nothing_of_theirs(
    shopping: Browse, live: LiveStack, watch: Watch
) -> None:
    watch.expect("status of 404")
    somebody = people.sign_up(live)
    session = people.begin(live, somebody)
    somebody.api.close()
    page = shopping()
    page.goto(f"/amazon-pay?checkout_session_id={session['checkout_session_id']}")
    expect(shop.heading(page, "This was not started in your account")).to_be_visible()


def test_without_javascript_the_page_says_so_and_nothing_is_agreed_to(
    shopping: Browse, customer: Person
) -> None:
    page = shopping(javascript=False)
    page.goto("/amazon-pay")
    expect(page.get_by_role("main")).to_contain_text("needs JavaScript", use_inner_text=True)
    expect(page.get_by_role("checkbox")).to_have_count(0)
