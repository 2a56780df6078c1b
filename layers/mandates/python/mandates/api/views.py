"""Our objects as the API shows them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mandates.core.clock import rfc3339
from mandates.core.facts import Kind
from mandates.core.ledger import Entry
from mandates.core.mandate import Mandate, Status
from mandates.core.return_tokens import returns

if TYPE_CHECKING:  # they import time zones, which load slowly and which most functions don't need
    from mandates.core.charging.calendar import Span
    from mandates.core.charging.spending import Agreement
    from mandates.core.terms import Terms

_VALUES = ("business_name", "frequency", "amount", "limits", "notice", "time_zone")
"""The parts of a terms document against which a charge is checked, and the name of who charges."""


def mandate_view(mandate: Mandate, status: Status) -> dict[str, Any]:
    return {
        "mandate_id": mandate.mandate_id,
        "customer_id": mandate.customer_id,
        "status": str(status),
        "label": label(mandate),
        "funding": asdict(mandate.funding) if mandate.funding else None,
        "created_at": mandate.created_at,
        **mandate.shown,
        "stripe_customer_id": mandate.stripe_customer_id,
        "checkout_session_id": mandate.checkout_session_id,
        "setup_intent_id": mandate.setup_intent_id,
        "payment_method_id": mandate.payment_method_id,
        "stripe_mandate_id": mandate.stripe_mandate_id,
        "returned": returned_view(mandate),
    }


def agreement_view(agreed: "Agreement | None") -> dict[str, Any]:
    """What `mandate_view` lacks: the values of the terms that govern the mandate, and what is used of the
    current period."""
    if agreed is None:
        return {"permission": None, "spending": None}
    document, spending = agreed.terms.to_plain(), agreed.spending
    return {
        "permission": {name: document[name] for name in _VALUES if name in document},
        "spending": None
        if spending is None
        else {
            "currency": spending.currency,
            "used": spending.used,
            "left": spending.left,
            "period": span_view(spending.period),
        },
    }


def span_view(span: "Span") -> dict[str, str | None]:
    return {"start": time_view(span.start), "end": time_view(span.end)}


def time_view(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def returned_view(mandate: Mandate) -> dict[str, str | None]:
    """When somebody came back from Stripe's page, by whom. Only an indication (core/return_tokens.py)."""
    return {str(by): time_view(at) for by, at in returns(mandate.facts).items()}


def label(mandate: Mandate) -> str | None:
    """A name by which a person recognises the saved account. Stripe tells the card only after a charge."""
    if mandate.funding:
        return f"Amazon Pay, {mandate.funding.name}"
    saved = mandate.facts.get(Kind.SETUP_SUCCEEDED)
    if saved is None:
        return None
    day = datetime.fromtimestamp(saved.at, UTC)
    return f"Amazon Pay, saved {day.day} {day:%B %Y}"


def ledger_view(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {
            "number": entry.number,
            "kinds": entry.kinds,
            "recorded_at": entry.recorded_at,
            "source": entry.source,
            "status": entry.status,
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        }
        for entry in entries
    ]


def terms_view(terms: "Terms", locale: str) -> dict[str, Any]:
    """What a front end shows (`text`, or `sections` one by one), and what it sends back to confirm that
    (`version`, `digest`, `locale` and `wording_digest`)."""
    document = terms.to_plain()
    del document["texts"]
    return {
        **document,
        "digest": terms.digest,
        "locale": locale,
        "wording_digest": terms.wording_digest(locale),
        "text": terms.wording(locale),
        "sections": terms.sections(locale),
        "locales": sorted(terms.texts),
    }
