"""The card behind a saved account is taken only as Stripe documents it, and anything else does no harm."""

from collections.abc import Mapping
from typing import Any

import pytest

from mandates.core.funding import Funding, funding_from_plain, funding_of_charge


def told(**card: Any) -> dict[str, Any]:
    funding = {"type": "card", "card": {"brand": "Visa", "country": "US", "last4": "4242", **card}}
    return details({"funding": funding})


def details(amazon_pay: object) -> dict[str, Any]:
    return {"payment_method_details": {"type": "amazon_pay", "amazon_pay": amazon_pay}}


def test_a_charge_tells_the_card() -> None:
    assert funding_of_charge(told()) == Funding("Visa", "4242")


@pytest.mark.parametrize(
    "charge",
    [
        {},
        {"payment_method_details": None},
        {"payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}}},
        {"payment_method_details": "pmd_1"},
        details(None),
        details({}),
        details({"funding": None}),
        details({"funding": "card"}),
        details({"funding": {"type": None, "card": None}}),
        details({"funding": {"type": "bank_account", "bank_account": {"last4": "4242"}}}),
        details({"funding": {"type": "card", "card": ["Visa", "4242"]}}),
        told(brand=None),
        told(brand=""),
        told(brand=7),
        told(brand="V" * 41),
        told(brand="<b>Visa</b>"),
        told(brand="Visa\n"),
        told(last4=None),
        told(last4=4242),
        told(last4="242"),
        told(last4="42424"),
        told(last4="4242\n"),
        told(last4="٤٢٤٢"),  # digits, but not of this alphabet
    ],
)
def test_anything_else_tells_no_card(charge: Mapping[str, Any]) -> None:
    assert funding_of_charge(charge) is None


@pytest.mark.parametrize(
    ("brand", "name"),
    [
        ("Visa", "Visa ending in 4242"),
        ("American Express", "American Express ending in 4242"),
        ("visa", "Visa ending in 4242"),
        ("cartes_bancaires", "Cartes Bancaires ending in 4242"),
        ("Unknown", "card ending in 4242"),
        ("unknown", "card ending in 4242"),
    ],
)
def test_a_card_has_a_name_for_people(brand: str, name: str) -> None:
    assert Funding(brand, "4242").name == name


def test_what_was_stored_is_read_with_the_same_care() -> None:
    assert funding_from_plain({"brand": "Visa", "last4": "4242"}) == Funding("Visa", "4242")
    assert funding_from_plain({"brand": "Visa", "last4": "4111111111111111"}) is None
    assert funding_from_plain(None) is None
