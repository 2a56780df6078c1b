"""Reserves a charge: decides on it, and takes its room in the same write, before Stripe hears of it.

Everything that the decision was made from is a condition of the write. So of many charges at once only as
many are reserved as there is room for, and none after a withdrawal or a pause was committed.
"""

from collections.abc import Callable

import msgspec

from mandates.charges.standing import Situation, situation_of
from mandates.core.charging.change import charge_change
from mandates.core.charging.decision import ChargeRequest, ChargeRules, Decision
from mandates.core.charging.facts import ChargeFact, ChargeKind, charge_fact
from mandates.core.charging.head import Charge, ChargeDetails, Params
from mandates.core.charging.ids import charge_id
from mandates.core.charging.permission import NoticeUsed, Permission
from mandates.core.charging.waits import MOST_CHARGE_BY_SECONDS
from mandates.core.clock import Clock, Instant, RandomBytes, rfc3339
from mandates.core.errors import ChargeRefused, InvalidRequest, KeyReused
from mandates.core.ledger import keep_beside
from mandates.core.mandate import Mandate
from mandates.store.charges import commit_charge
from mandates.store.conflicts import until_no_conflict

SOURCE = "api:create_charge"

CHARGE_BY_SECONDS = 8 * 86_400
"""How long attempts are made if the business does not say: a week's retries, and a day to spare."""

CreateParams = Callable[[Mandate, str, ChargeDetails], Params]
"""The exact parameters of the PaymentIntent, by mandate, charge id and what was asked for."""


class Order(msgspec.Struct, frozen=True):
    """A charge that a business asks for, under its Idempotency-Key. `actor` is the client that asks."""

    mandate_id: str
    idempotency_key: str
    details: ChargeDetails
    actor: str


class Reserved(msgspec.Struct, frozen=True):
    """`created` is false if the charge was there already."""

    charge: Charge
    created: bool


def reserve(
    order: Order,
    create_params: CreateParams,
    clock: Clock,
    random_bytes: RandomBytes,
    *,
    rules: ChargeRules,
) -> Reserved:
    """The charge of the order: the one that its key made before, or a new one that holds its room.

    Raises ChargeRefused, and then the key is not used up; KeyReused if the key made another charge;
    InvalidRequest for an impossible `charge_by`; NotFound or Busy. Nothing is reserved then.
    """

    def attempt() -> Reserved:
        now, details = Instant(clock()), order.details
        id_ = charge_id(order.mandate_id, order.idempotency_key)
        situation = situation_of(
            order.mandate_id,
            now.seconds,
            charge_id=id_,
            reference=details.reference,
            rules=rules,
        )
        if situation.charge:
            return Reserved(_the_same(situation.charge, details), created=False)
        charge_by = _charge_by(details, now.seconds)
        decision = situation.decide(ChargeRequest(details.amount, details.currency))
        if not decision.permitted:
            raise not_permitted(decision, situation)
        empty = Charge(
            charge_id=id_,
            number=situation.register.count + 1,
            created_at=now.text,
            personal=keep_beside(details.personal, random_bytes),
            digest=details.digest,
            create_params=create_params(situation.mandate, id_, details),
        )
        change = charge_change(
            empty,
            [_reserved(order, charge_by, decision, rules, now)],
            source=SOURCE,
            now=now,
            permission=permission_under(situation, decision),
        )
        if change is None:
            raise AssertionError("a reservation is always new")
        commit_charge(
            change,
            now,
            guard=situation.guard(decision),
            anchor=situation.anchor_to_freeze(decision),
        )
        return Reserved(change.after, created=True)

    return until_no_conflict(attempt)


class Checked(msgspec.Struct, frozen=True):
    """What `reserve` would decide at `at` (epoch seconds). Nothing is written, and nothing is promised."""

    situation: Situation
    decision: Decision


def check(mandate_id: str, details: ChargeDetails, at: int, clock: Clock, *, rules: ChargeRules) -> Checked:
    """`at` may be in the future: then it counts on today's usage. Raises InvalidRequest or NotFound."""
    situation = situation_of(mandate_id, at, reference=details.reference, rules=rules)
    _charge_by(details, Instant(clock()).seconds)
    return Checked(situation, situation.decide(ChargeRequest(details.amount, details.currency)))


def not_permitted(decision: Decision, situation: Situation) -> ChargeRefused:
    """Names all reasons, what is left of the period in minor units, and when it would be permitted."""
    named = {"charge_id": situation.rival} if situation.rival else {}
    reasons = [str(reason) for reason in decision.reasons]
    return ChargeRefused(
        f"the mandate does not permit this charge: {', '.join(reasons)}",
        reasons=reasons,
        left=decision.left,
        currency=situation.terms.limits.currency,
        earliest=None if decision.earliest is None else rfc3339(decision.earliest),
        **named,
    )


def _the_same(charge: Charge, details: ChargeDetails) -> Charge:
    if charge.digest not in {None, details.digest}:
        raise KeyReused("this Idempotency-Key made a charge with another body: send that body, or a new key")
    return charge


def _charge_by(details: ChargeDetails, now: int) -> int:
    if details.charge_by is None:
        return now + CHARGE_BY_SECONDS
    if not now < details.charge_by <= now + MOST_CHARGE_BY_SECONDS:
        raise InvalidRequest("charge_by must be in the future and at most 30 days ahead")
    return details.charge_by


def permission_under(situation: Situation, decision: Decision) -> Permission:
    recurs, notice = situation.terms.frequency.interval is not None, decision.notice
    return Permission(
        number=situation.register.count + 1,
        previous=situation.register.hash,
        mandate_entries=situation.mandate.entries,
        mandate_hash=situation.mandate.head_hash,
        anchor=decision.anchor.isoformat() if recurs and decision.anchor else None,
        notice=NoticeUsed(notice.notice_id, notice.hash) if notice else None,
    )


def _reserved(
    order: Order, charge_by: int, decision: Decision, rules: ChargeRules, now: Instant
) -> ChargeFact:
    return charge_fact(
        ChargeKind.RESERVED,
        now.seconds,
        SOURCE,
        actor=order.actor,
        amount=str(order.details.amount),
        currency=order.details.currency,
        charge_by=str(charge_by),
        period=decision.period.key if decision.period else "",
        window=decision.window.key if decision.window else "",
        notice=decision.notice.notice_id if decision.notice else "",
        notice_day=decision.notice.day.isoformat() if decision.notice else "",
        retries=",".join(map(str, rules.retry_days)),
    )
