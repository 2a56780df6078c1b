"""Decides on a business's request for a refund, and holds its amount back before Stripe is asked.

Both happen in one write, which is conditional on the charge's chain. So concurrent refunds never exceed what
the charge took.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mandates.charges.recording import record
from mandates.core.canonical import digest
from mandates.core.charging.facts import ChargeFact, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import refund_id
from mandates.core.charging.refunds import Refund, left_to_refund, refund_reasons, refunds
from mandates.core.clock import Clock
from mandates.core.errors import KeyReused, RefundRefused
from mandates.runtime.telemetry import count

SOURCE = "api:create_refund"


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """A refund that a business asks for, under its Idempotency-Key. `amount` is in the charge's minor units;
    None stands for all that is left. `reason` is Stripe's word, or empty. `actor` is the client that asks."""

    idempotency_key: str
    amount: int | None
    reason: str
    actor: str

    @property
    def digest(self) -> str:
        """SHA-256 over the RFC 8785 bytes. The same key with another digest is another request."""
        given = {"amount": self.amount, "reason": self.reason or None}
        return digest({name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Ordered:
    """`created` is false if the refund was there already."""

    charge: Charge
    refund: Refund
    created: bool


def order_refund(charge: Charge, order: RefundOrder, clock: Clock) -> Ordered:
    """The refund of the order: the one that its key made before, or a new one that waits to be sent.

    `charge` is as it was just read. Raises RefundRefused, and then the key is not used up; KeyReused if the
    key made another refund; NotFound or Busy. Nothing is recorded then.
    """
    id_ = refund_id(charge.charge_id, order.idempotency_key)

    def asks(known: Charge, now: int) -> Sequence[ChargeFact]:
        there = find_refund(known, id_)
        if there:
            _must_be_the_same(there, order)
            return ()
        reasons = refund_reasons(known.facts, order.amount, now)
        if reasons:
            raise _refused(known, [str(reason) for reason in reasons])
        return (_requested(known, id_, order, now),)

    recorded = record(charge.charge_id, asks, source=SOURCE, clock=clock, known=charge)
    refund = find_refund(recorded.charge, id_)
    if refund is None:
        raise AssertionError("a refund that was recorded is there")
    return Ordered(recorded.charge, refund, created=recorded.change is not None)


def find_refund(charge: Charge, refund_id: str) -> Refund | None:
    return next((refund for refund in refunds(charge.facts) if refund.refund_id == refund_id), None)


def _must_be_the_same(there: Refund, order: RefundOrder) -> None:
    """After a restore Stripe may have told us of the refund, and the digest of the request is lost."""
    if there.request not in {"", order.digest}:
        raise KeyReused("this Idempotency-Key made a refund with another body: send that body, or a new key")


def _requested(known: Charge, id_: str, order: RefundOrder, now: int) -> ChargeFact:
    amount = left_to_refund(known.facts) if order.amount is None else order.amount
    return charge_fact(
        ChargeKind.REFUND_REQUESTED,
        now,
        SOURCE,
        about=id_,
        amount=str(amount),
        currency=known.currency,
        reason=order.reason,
        actor=order.actor,
        request=order.digest,
    )


def _refused(known: Charge, reasons: list[str]) -> RefundRefused:
    count("RefundsRefused")
    return RefundRefused(
        f"this refund is not permitted: {', '.join(reasons)}",
        reasons=reasons,
        left=left_to_refund(known.facts),
        currency=known.currency,
    )
