"""Our objects as the API shows them, and the times in them."""

import json
from dataclasses import replace

import pytest

from mandates.api.views import label, ledger_view, mandate_view, terms_view
from mandates.core.clock import Instant, rfc3339
from mandates.core.facts import NO_FACTS, merge
from mandates.core.funding import Funding
from mandates.core.ledger import GENESIS, append
from mandates.core.mandate import Status
from mandates.core.terms import SECTIONS, terms_from_plain
from tests.unit.examples import CONSENT, MANDATE_ID, NEW_MANDATE, OF_A_MANDATE, RECORDED_AT
from tests.unit.test_terms import PLAIN


def test_a_mandate_shows_its_status_and_stripes_ids() -> None:
    known = NEW_MANDATE.extended(merge(NO_FACTS, OF_A_MANDATE), 9, "ab" * 32)
    assert mandate_view(known, Status.ACTIVE) == {
        "mandate_id": MANDATE_ID,
        "customer_id": "auth0|ann",
        "status": "active",
        "label": "Amazon Pay, saved 21 September 2026",
        "funding": None,
        "created_at": RECORDED_AT,
        "terms_version": "2026-11-01",
        "terms_digest": "ab" * 32,
        "locale": "en",
        "wording_digest": "cd" * 32,
        "stripe_customer_id": "cus_example",
        "checkout_session_id": "cs_test_example",
        "setup_intent_id": "seti_example",
        "payment_method_id": "pm_example",
        "stripe_mandate_id": "mandate_example",
        "returned": {"customer": "2026-09-21T14:14:00Z", "another": "2026-09-21T14:14:10Z"},
    }


@pytest.mark.parametrize("status", Status)
def test_views_are_json(status: Status) -> None:
    view = mandate_view(NEW_MANDATE, status)
    assert json.loads(json.dumps(view)) == view
    assert view["payment_method_id"] is None


def test_a_ledger_shows_its_chain_and_nothing_of_its_content() -> None:
    entry = append(
        mandate_id=MANDATE_ID,
        length=0,
        head_hash=GENESIS,
        recorded_at=RECORDED_AT,
        source=CONSENT.source,
        facts=[CONSENT],
        status="pending",
        text="I agree.",
    )
    assert ledger_view([entry]) == [
        {
            "number": 1,
            "kinds": ["consent_accepted"],
            "recorded_at": RECORDED_AT,
            "source": "api:create_checkout_session",
            "status": "pending",
            "previous_hash": GENESIS,
            "hash": entry.hash,
        }
    ]


def test_terms_show_what_a_consent_has_to_name_and_the_promises_as_values() -> None:
    terms = terms_from_plain(PLAIN)
    view = terms_view(terms, "de")
    assert (view["version"], view["digest"], view["locale"]) == (terms.version, terms.digest, "de")
    assert view["text"] == "\n\n".join(view["sections"][section] for section in SECTIONS)
    assert view["sections"] == PLAIN["texts"]["de"]
    assert view["wording_digest"] == terms.wording_digest("de")
    assert view["locales"] == ["de", "en"]
    for name in ("business_name", "frequency", "amount", "limits"):
        assert view[name] == PLAIN[name]
    assert "texts" not in view


def test_a_mandate_that_is_not_set_up_has_no_label() -> None:
    assert label(NEW_MANDATE) is None


def test_a_mandate_shows_the_card_once_it_is_known() -> None:
    saved = NEW_MANDATE.extended(merge(NO_FACTS, OF_A_MANDATE), 9, "ab" * 32)
    view = mandate_view(replace(saved, funding=Funding("Visa", "4242")), Status.ACTIVE)
    assert view["funding"] == {"brand": "Visa", "last4": "4242"}
    assert view["label"] == "Amazon Pay, Visa ending in 4242"


@pytest.mark.parametrize(
    ("epoch", "text", "seconds"),
    [
        (0.0, "1970-01-01T00:00:00.000Z", 0),
        (1_790_000_000.0, "2026-09-21T14:13:20.000Z", 1_790_000_000),
        (1_790_000_000.9996, "2026-09-21T14:13:20.999Z", 1_790_000_000),
        (951_782_399.5, "2000-02-28T23:59:59.500Z", 951_782_399),
    ],
)
def test_a_moment_is_one_reading_in_two_forms(epoch: float, text: str, seconds: int) -> None:
    assert (Instant(epoch).text, Instant(epoch).seconds) == (text, seconds)


def test_texts_of_moments_sort_as_they_came() -> None:
    moments = [Instant(1_790_000_000 + step * 0.5) for step in range(20)]
    assert [now.text for now in moments] == sorted(now.text for now in moments)


def test_stripes_times_are_whole_seconds() -> None:
    assert rfc3339(1_790_000_000) == "2026-09-21T14:13:20Z"
