"""What a customer sees and does in the shop, by the words and roles that they know it by."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from playwright.sync_api import Locator, Page, expect

ENGLISH: Mapping[str, str] = MappingProxyType({
    "agree": "I have read these terms and I agree to them.",
    "continue": "Continue to Amazon Pay",
    "terms": "Save Amazon Pay for later payments",
    "saved": "Amazon Pay is saved",
})  # fmt: skip
GERMAN: Mapping[str, str] = MappingProxyType({
    "agree": "Ich habe diese Bedingungen gelesen und stimme ihnen zu.",
    "continue": "Weiter zu Amazon Pay",
    "terms": "Amazon Pay für spätere Zahlungen speichern",
    "saved": "Amazon Pay ist gespeichert",
})  # fmt: skip


def heading(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", name=words, exact=True)


def consent(page: Page, words: Mapping[str, str] = ENGLISH) -> Locator:
    return page.get_by_role("checkbox", name=words["agree"])


def continue_button(page: Page, words: Mapping[str, str] = ENGLISH) -> Locator:
    return page.get_by_role("button", name=words["continue"])


def open_terms(page: Page, words: Mapping[str, str] = ENGLISH) -> None:
    page.goto("/amazon-pay")
    expect(consent(page, words)).to_be_visible()


def agree_and_continue(page: Page, words: Mapping[str, str] = ENGLISH) -> None:
    """From the terms to Stripe's page."""
    consent(page, words).check()
    continue_button(page, words).click()
    page.wait_for_url(re.compile("/c/pay/"))


def to_amazon(page: Page) -> None:
    """From Stripe's page to Amazon's test page."""
    page.get_by_test_id("continue").click()
    page.wait_for_url(re.compile("/c/amazon_pay/"))


def authorize(page: Page) -> None:
    """From Amazon's test page back to the shop."""
    page.get_by_test_id("authorize").click()
    page.wait_for_url(re.compile("/amazon-pay"))


def decline(page: Page) -> None:
    """From Amazon's test page back to Stripe's."""
    page.get_by_test_id("fail").click()
    page.wait_for_url(re.compile("/c/pay/"))


def withdrawn(page: Page) -> Locator:
    """The words by which the account says that nothing is left to charge."""
    return page.get_by_role("region").get_by_text("so nothing can be charged")
