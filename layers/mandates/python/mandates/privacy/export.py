"""Everything held about a customer, exported for them."""

from dataclasses import asdict
from typing import Any

from mandates.api.charge_views import charge_view
from mandates.api.views import mandate_view
from mandates.core.changes import stands_on
from mandates.core.clock import Clock, Instant
from mandates.core.facts import Facts, to_plain
from mandates.ledger.contributing import statuses
from mandates.ledger.snapshot import charges_at_rest
from mandates.privacy.holdings import Holdings
from mandates.store.mandates import read_ledger, read_personal, read_subjects


def export(held: Holdings, clock: Clock) -> dict[str, Any]:
    """Everything as JSON values, with the salts that let the customer check the ledger's commitments."""
    subjects = read_subjects(key for mandate in held.mandates for key in stands_on(mandate, mandate.facts))
    known = statuses(held.mandates)
    return {
        "customer_id": held.customer_id,
        "exported_at": Instant(clock()).text,
        "customer": asdict(held.customer) if held.customer else None,
        "checkout": held.slot,
        "mandates": [
            {
                **mandate_view(mandate, known[mandate.mandate_id]),
                "facts": _plain(mandate.facts),
                "ledger": [asdict(entry) for entry in read_ledger(mandate.mandate_id)],
                "personal": {
                    str(number): {name: asdict(value) for name, value in values.items()}
                    for number, values in read_personal(mandate.mandate_id).items()
                },
                **_charges(mandate.mandate_id),
                "stands_on": {key: _plain(subjects[key].facts) for key in stands_on(mandate, mandate.facts)},
            }
            for mandate in held.mandates
        ],
        "at_stripe": {
            "where": "the e-mail address, the name and the payment method are kept only at Stripe: "
            "https://dashboard.stripe.com/customers/ and the customer's id",
            "customers": held.stripe_customer_ids,
            "payment_methods": _ids(mandate.payment_method_id for mandate in held.mandates),
            "checkout_sessions": _ids(mandate.checkout_session_id for mandate in held.mandates),
            "setup_intents": _ids(mandate.setup_intent_id for mandate in held.mandates),
            "mandates": _ids(mandate.stripe_mandate_id for mandate in held.mandates),
        },
    }


def _charges(mandate_id: str) -> dict[str, Any]:
    """Each with what the business wrote, the salts, and its chain."""
    register = charges_at_rest(mandate_id).register
    return {
        "charges": [
            {
                **charge_view(charge.head, for_service=True),
                "number": charge.head.number,
                "sent_to_stripe": dict(charge.head.create_params),
                "personal": {name: asdict(value) for name, value in charge.personal.items()},
                "ledger": [asdict(entry) for entry in charge.entries],
            }
            for charge in register.charges
            if charge.head
        ],
        "notices": [
            {
                **notice.content(),
                "hash": notice.hash,
                "charge_ids": sorted(notice.charge_ids),
                "personal": {name: asdict(value) for name, value in notice.personal.items()},
            }
            for notice in register.notices
        ],
    }


def _plain(facts: Facts) -> list[dict[str, Any]]:
    return [to_plain(facts[key]) for key in sorted(facts)]


def _ids(found: Any) -> list[str]:
    return sorted({one for one in found if one})
