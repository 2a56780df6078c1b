"""A ledger and a charge as timelines."""

from typing import Any

from local.storefront.console.timeline import of_charge, of_ledger

CHARGE: dict[str, Any] = {
    "charge_id": "chg_1",
    "status": "succeeded",
    "amount": 1299,
    "currency": "usd",
    "created_at": "2026-11-01T09:00:00Z",
    "charge_by": "2026-11-09T09:00:00Z",
    "will_retry_at": None,
    "disputes": [],
}
REFUND = {
    "refund_id": "rfn_1",
    "status": "pending",
    "amount": 299,
    "currency": "usd",
    "requested_at": "2026-11-03T09:00:00Z",
    "actor": None,
}
DISPUTE = {
    "dispute_id": "du_1",
    "status": "needs_response",
    "open": True,
    "amount": 1299,
    "currency": "usd",
    "opened_at": "2026-11-02T09:00:00Z",
    "evidence_due_by": "2026-11-20T09:00:00Z",
}
MOVEMENT = {
    "type": "charge",
    "amount": 1299,
    "fee": 68,
    "currency": "usd",
    "created_at": "2026-11-01T09:00:02Z",
}


def test_an_entry_with_two_facts_is_two_moments_of_one_time() -> None:
    entry = {
        "number": 3,
        "kinds": ["setup_succeeded", "session_completed"],
        "recorded_at": "2026-11-01T09:00:00Z",
    }
    first, second = of_ledger([{**entry, "source": "evt_1"}])
    assert (first.title, second.title) == ("Account saved", "Checkout finished")
    assert first.at == second.at
    assert first.source == "Entry 3 · Stripe's event evt_1"
    (by_api,) = of_ledger([{**entry, "kinds": ["revoked"], "source": "api:revoke_mandate"}])
    assert by_api.source == "Entry 3 · API (revoke mandate)"


def test_a_charge_goes_from_its_request_to_what_is_due() -> None:
    moments = of_charge({**CHARGE, "disputes": [DISPUTE], "movements": [MOVEMENT]}, [REFUND])
    assert [moment.title for moment in moments] == [
        "Requested",
        "Booked by Stripe: charge",
        "Disputed: 12.99 USD",
        "Refund of 2.99 USD: pending",
        "Evidence is due",
    ]
    assert [moment.expected for moment in moments] == [False, False, False, False, True]
    assert "Dashboard" in moments[3].text
    assert moments[1].text == "12.99 USD on the balance, fee 0.68 USD."


def test_a_dispute_that_is_decided_has_nothing_due() -> None:
    decided = {**DISPUTE, "open": False, "status": "lost"}
    assert [moment.title for moment in of_charge({**CHARGE, "disputes": [decided]}, [])] == [
        "Requested",
        "Disputed: 12.99 USD",
    ]


def test_a_charge_that_is_not_final_says_what_lies_ahead() -> None:
    retrying = {**CHARGE, "status": "retrying", "will_retry_at": "2026-11-02T09:00:00Z"}
    ahead = [moment for moment in of_charge(retrying, []) if moment.expected]
    assert [moment.title for moment in ahead] == ["Next attempt", "Last time for attempts"]
    assert not any(moment.expected for moment in of_charge(CHARGE, []))


def test_a_refund_of_our_own_is_not_taken_for_one_of_the_dashboard() -> None:
    own = of_charge(CHARGE, [{**REFUND, "actor": "business"}])[1]
    assert "Dashboard" not in own.text
