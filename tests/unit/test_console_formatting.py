"""Amounts, times and ids in the console, and the amounts that a merchant types."""

import pytest

from local.storefront.console import formatting
from local.storefront.console.formatting import NotAnAmount
from mandates.core.currencies import CURRENCIES, LARGEST_AMOUNT


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (1299, "usd", "12.99 USD"),
        (5, "eur", "0.05 EUR"),
        (1299, "jpy", "1,299 JPY"),
        (123456789, "usd", "1,234,567.89 USD"),
        (-47, "usd", "−0.47 USD"),
        (0, "usd", "0.00 USD"),
        (1299, "kwd", "1,299 KWD (minor units)"),
    ],
)
def test_an_amount_as_people_read_it(amount: int, currency: str, written: str) -> None:
    assert formatting.money(amount, currency) == written


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
@pytest.mark.parametrize("amount", [1, 10, 99, 100, 1299, LARGEST_AMOUNT])
def test_what_is_typed_is_read_again_to_the_last_cent(amount: int, currency: str) -> None:
    assert formatting.minor_units(formatting.typed(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("12.9", "usd", 1290), (" 12 ", "usd", 1200), ("0.01", "usd", 1), ("007", "jpy", 7)],
)
def test_amounts_that_people_type(text: str, currency: str, amount: int) -> None:
    assert formatting.minor_units(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("", "usd", "as a number such as 12.99"),
        ("12,99", "usd", "as a number such as 12.99"),
        ("1,299.00", "usd", "as a number such as 12.99"),
        ("-1", "usd", "as a number such as 12.99"),
        ("1e3", "usd", "as a number such as 12.99"),
        ("٣", "usd", "as a number such as 12.99"),
        ("12.999", "usd", "at most 2 decimals"),
        ("12.5", "jpy", "no decimals, such as 1299"),
        ("0", "usd", "from 0.01 USD to 999,999.99 USD"),
        ("1000000", "usd", "from 0.01 USD to 999,999.99 USD"),
        ("1", "btc", "Choose a currency"),
    ],
)
def test_what_is_not_an_amount_is_refused_with_the_reason(text: str, currency: str, why: str) -> None:
    with pytest.raises(NotAnAmount, match=why):
        formatting.minor_units(text, currency)


def test_times_are_utc_and_say_so() -> None:
    assert formatting.time("2026-11-01T09:05:00Z") == "1 Nov 2026, 09:05 UTC"
    assert formatting.exact_time("2026-11-01T09:05:07.500Z") == "1 Nov 2026, 09:05:07 UTC"
    assert formatting.day("2026-12-31") == "31 Dec 2026"


@pytest.mark.parametrize(
    ("identifier", "short"),
    [
        ("mdt_abcdefghijklmnopqrstuvwx", "mdt_…stuvwx"),
        ("chg_abcdefghijklmnopqrstuvwx_aaaaaaaaaaaaaaaa", "chg_…aaaaaa"),
        ("cus_short", "cus_short"),
        ("customer-1", "customer-1"),
        ("0f6c2c4e-3a0b-4a43-9d7c-2f3f0e1d9a77", "0f6c2c4e-3a0…1d9a77"),
    ],
)
def test_an_id_in_a_table_shows_its_kind_and_its_end(identifier: str, short: str) -> None:
    assert formatting.short_id(identifier) == short
