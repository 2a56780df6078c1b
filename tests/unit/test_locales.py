"""Language tags: which ones a text may have, which text serves whom, and the language of Stripe's page."""

import re
import time
from pathlib import Path
from string import ascii_letters, ascii_lowercase, digits
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from stripe.params.checkout import SessionCreateParams

from mandates.core.locales import MAX_LENGTH, PATTERN, is_locale, lookup
from mandates.gateway.checkout_locales import CHECKOUT_LOCALES, checkout_locale
from mandates.gateway.checkout_sessions import setup_session_params
from tests.unit.laws import law

WELL_FORMED = [
    "en",
    "fil",
    "pt-BR",
    "zh-Hant-HK",
    "es-419",
    "de-1996",
    "sl-rozaj-biske-1994",
    "de-x-formal",
    "de-DE-x-formal",
    "en-US-u-hc-h12",
    "en-a-bb-x-cc",
]
MALFORMED: list[Any] = [
    "",
    "e",
    "EN",
    "deutsch",
    "en_US",
    "en-",
    "-en",
    "en--US",
    "en-u",
    "en-US-x",
    "x-formal",
    "en-" + "a" * 9,
    "en" + "-aaaaaaaa" * 4,
    "en\n",
    "språk",
    "*",
    None,
    False,
    5,
]


@pytest.mark.parametrize("tag", WELL_FORMED)
def test_a_text_may_be_in_it(tag: str) -> None:
    assert is_locale(tag)
    assert lookup(tag, [tag]) == tag


@pytest.mark.parametrize("tag", MALFORMED)
def test_no_text_may_be_in_it(tag: Any) -> None:
    assert not is_locale(tag)


def test_the_contract_has_the_same_rule() -> None:
    openapi = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text(encoding="utf-8"))
    schemas = openapi["components"]["schemas"]
    sent = schemas["CheckoutRequest"]["properties"]["locale"]
    assert (schemas["Locale"]["pattern"], sent["pattern"]) == (f"^{PATTERN}$", rf"^{PATTERN}$(?!\n)")
    assert schemas["Locale"]["maxLength"] == sent["maxLength"] == MAX_LENGTH


LONGEST = "en" + "-abcdefgh" * 3 + "-abcde"
AVAILABLE = ("en", "de", "de-x-formal", "pt-BR", "zh-Hant")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("en-US-u-hc-h12", "en"),
        ("DE-at", "de"),
        ("de-x-formal", "de-x-formal"),
        ("DE-X-FORMAL", "de-x-formal"),
        ("de-DE-x-formal", "de"),
        ("de_CH_1996", "de"),
        ("pt-br-x-a", "pt-BR"),
        ("pt-PT", None),
        ("zh-hant-tw", "zh-Hant"),
        ("zh-Hans", None),
        ("zh", None),
        ("", None),
        ("*", None),
        ("-", None),
        ("../de", None),
        ("de;q=0.5", None),
        ("\ud800", None),
        ("-" * 8000, None),
    ],
)
def test_lookup_goes_from_the_longest_tag_to_the_shortest(wanted: str, expected: str | None) -> None:
    assert lookup(wanted, AVAILABLE) == expected


@law
@given(st.text())
def test_whatever_is_wanted_what_serves_is_there(wanted: str) -> None:
    assert lookup(wanted, AVAILABLE) in {None, *AVAILABLE}


@pytest.mark.parametrize(
    ("wanted", "is_served"),
    [
        (LONGEST, True),
        (f"{LONGEST}-x", True),
        (f"{LONGEST}{'-x' * 4000}", True),
        (f"{LONGEST}x", False),  # of another tag, which is cut to no less than shows that
        (f"{LONGEST}xx-yy", False),
    ],
)
def test_the_longest_tag_serves_whoever_wants_it(wanted: str, is_served: bool) -> None:
    assert is_locale(LONGEST)
    assert len(LONGEST) == MAX_LENGTH
    assert lookup(wanted, (LONGEST,)) == (LONGEST if is_served else None)


def test_whatever_is_wanted_costs_as_little() -> None:
    """Anybody may ask, without a token: 8,000 hyphens took a third of a second of a fast machine."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        lookup("-" * 8000, AVAILABLE)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02


# ------------------------------------------------------------------------------------------- Stripe's page


def test_stripes_locales_are_those_of_the_sdk() -> None:
    typed = str(SessionCreateParams.__annotations__["locale"])
    assert set(re.findall(r"'([^']+)'", typed)) == CHECKOUT_LOCALES


@pytest.mark.parametrize(
    ("ours", "stripes"),
    [
        *((locale, locale) for locale in sorted(CHECKOUT_LOCALES)),
        ("EN-gb", "en-GB"),
        ("en-US", "en"),
        ("en-US-u-hc-h12", "en"),
        ("de-DE-x-formal", "de"),
        ("de-Latn-AT-1996", "de"),
        ("pt-Latn-BR", "pt-BR"),
        ("pt-PT", "pt"),
        ("pt-x-br", "pt"),
        ("fr-CH", "fr"),
        ("es-ES", "es"),
        ("es-MX", "es-419"),
        ("es-Latn-AR", "es-419"),
        ("hi", "hi-IN"),
        ("hi-Deva-IN", "hi-IN"),
        ("no", "nb"),
        ("nn-NO", "nb"),
        ("nb-NO", "nb"),
        ("tl-PH", "fil"),
        ("zh-Hans", "zh"),
        ("zh-CN", "zh"),
        ("zh-SG", "zh"),
        ("zh-Hans-HK", "zh"),
        ("zh-Hant", "zh-TW"),
        ("zh-Hant-TW", "zh-TW"),
        ("zh-Hant-HK", "zh-HK"),
        ("zh-Hant-MO", "zh-HK"),
        ("zh-mo", "zh-HK"),
        ("zh-yue-HK", "zh-HK"),
        ("ar", "auto"),
        ("uk-UA", "auto"),
        ("sr-Latn", "auto"),
    ],
)
def test_stripes_page_is_in_the_nearest_language_it_has(ours: str, stripes: str) -> None:
    params = setup_session_params(
        mandate_id="mdt_example",
        owner_mark="test-stack",
        stripe_customer_id="cus_example",
        currency="usd",
        success_url="https://shop.example/return",
        cancel_url="https://shop.example/cart",
        locale=ours,
        expires_at=1,
    )
    assert params["locale"] == stripes == checkout_locale(ours)


subtags = st.text(ascii_letters + digits, min_size=2, max_size=8)
extensions = st.builds(
    lambda letter, more: "-".join([letter, *more]),
    st.sampled_from(ascii_letters + digits),
    st.lists(subtags, min_size=1, max_size=2),
)
tags = st.builds(
    lambda language, some, more: "-".join([language, *some, *more])[:MAX_LENGTH],
    st.text(ascii_lowercase, min_size=2, max_size=3),
    st.lists(subtags, max_size=3),
    st.lists(extensions, max_size=2),
).filter(lambda tag: re.fullmatch(PATTERN, tag))
"""What the pattern allows. `st.from_regex` takes twenty-five times as long."""


@law
@given(tags)
def test_every_locale_has_a_page(locale: str) -> None:
    assert is_locale(locale)
    assert checkout_locale(locale) in CHECKOUT_LOCALES
