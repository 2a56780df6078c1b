"""Which of Stripe's refusals end a refund."""

import pytest

from mandates.core.charging.refund_refusals import is_final_refusal


@pytest.mark.parametrize(
    ("said", "final"),
    [
        ({"status": "400", "code": "charge_already_refunded"}, True),
        ({"status": "400", "code": "charge_disputed"}, True),
        ({"status": "400", "code": "charge_not_refundable"}, True),
        ({"status": "400", "code": "refund_disputed_payment"}, True),
        ({"status": "400", "code": "amount_too_large", "param": "amount"}, True),
        ({"status": "400", "code": "amount_too_small"}, True),
        ({"status": "402", "code": "charge_disputed"}, True),
        ({"status": "400", "param": "amount"}, True),
        ({"status": "400", "param": "metadata"}, False),
        ({"status": "400", "code": "idempotency_error"}, False),
        ({"status": "400", "code": "balance_insufficient"}, False),
        ({"status": "400"}, False),
        ({"status": "404", "code": "resource_missing", "param": "payment_intent"}, False),
        ({"status": "401"}, False),
        ({"status": "403", "code": "charge_disputed", "param": "amount"}, False),
    ],
)
def test_what_ends_a_refund(said: dict[str, str], final: bool) -> None:
    assert is_final_refusal(**{"status": "", "code": "", "param": "", **said}) == final
