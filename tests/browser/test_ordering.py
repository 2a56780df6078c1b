"""Ordering at the shop: one click, and the page shows by itself how the payment goes on."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import people, shop
from tests.browser.accessibility import accessible
from tests.browser.conftest import Browse
from tests.browser.people import Person
from tests.browser.reader import PHONE
from tests.live.stack import LiveStack


@pytest.fixture
def undecided(live: LiveStack) -> Iterator[None]:
    """Amazon takes two seconds to decide on a payment."""
    later: dict[str, Any] = {"outcome": "processing", "seconds": 2, "then": "succeeded"}
    live.control("payments", payments=[later])
    yield
    live.control("payments", payments=[])


def fits(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))


def test_an_order_leads_to_amazon_pay_and_back_to_the_order(
    shopping: Browse, live: LiveStack, customer: Person
) -> None:
    page = shopping(width=PHONE)
    page.goto("/")
    accessible(page)
    page.get_by_role("button", name="Order").click()
    expect(shop.consent(page)).to_be_visible()
    people.save_account(live, customer)
    page.goto("/amazon-pay")
    page.get_by_role("link", name="Finish your order").click()
    expect(shop.heading(page, "Your order")).to_be_visible()
    assert fits(page)
    accessible(page)
    page.get_by_role("button", name="Order for $24.00").click()
    expect(shop.heading(page, "Thank you, it is paid")).to_be_visible()
    page.get_by_text("Details", exact=True).click()
    expect(page.get_by_text(re.compile("^chg_"))).to_be_visible()
    assert fits(page)
    accessible(page)


def test_an_order_shows_without_a_reload_that_it_is_paid(
    shopping: Browse, live: LiveStack, customer: Person, undecided: None
) -> None:
    people.save_account(live, customer)
    page = shopping(scheme="dark")
    page.goto("/")
    page.get_by_role("button", name="Order for").click()
    expect(shop.heading(page, "Amazon Pay is still deciding")).to_be_visible()
    page.evaluate("() => { window.loaded = 'once' }")
    accessible(page)
    expect(shop.heading(page, "Thank you, it is paid")).to_be_visible()
    assert page.evaluate("() => window.loaded") == "once"
    page.goto("/account")
    page.get_by_text("Details", exact=True).click()
    expect(page.get_by_role("cell", name="setup succeeded")).to_be_visible()
    assert customer.customer_id in page.inner_text("main")
    accessible(page)


def test_an_order_needs_no_javascript(shopping: Browse, live: LiveStack, customer: Person) -> None:
    people.save_account(live, customer)
    page = shopping(javascript=False)
    page.goto("/")
    page.get_by_role("button", name="Order for").click()
    expect(shop.heading(page, "Thank you, it is paid")).to_be_visible()


def test_a_german_reader_orders_in_german(shopping: Browse, live: LiveStack, customer: Person) -> None:
    people.save_account(live, customer)
    page = shopping(locale="de-DE", width=PHONE, text=200)
    page.goto("/")
    page.get_by_role("button", name="Bestellen für 24,00 $").click()
    expect(shop.heading(page, "Danke, es ist bezahlt")).to_be_visible()
    assert page.evaluate("() => document.documentElement.lang") == "de"
    assert fits(page)
