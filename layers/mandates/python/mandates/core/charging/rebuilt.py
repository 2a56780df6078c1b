"""What Stripe has of charges that a restored table lacks, as facts.

After the tables were restored to an earlier time, Stripe knows charges and payments that they lack. Every
intent of ours names its charge in its metadata. What Stripe can't tell stays unknown: what permitted the
charge, who requested it, and the attempts that made no charge at Stripe.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mandates.core.charging.books import ListedIntent
from mandates.core.charging.decision import Decision
from mandates.core.charging.facts import (
    REBUILT,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    EndReason,
    attempts,
    charge_fact,
    intent_of,
    newest_attempt,
    of_attempt,
    succeeded_attempt,
)
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.facts import merge
from mandates.core.stripe_events.projection import METADATA_CHARGE, METADATA_MANDATE, METADATA_OWNER_MARK

TAKES = frozenset({"succeeded", "processing"})
"""The statuses of an intent that has taken the money, or may."""

_OVER = frozenset({"succeeded", "canceled"})


@dataclass(frozen=True, slots=True)
class CountsIn:
    """The period (empty if there is no such limit) and the local day in which an attempt counts."""

    period: str
    day: str


@dataclass(frozen=True, slots=True)
class Named:
    """Intents with our mark: by the charge that their metadata names, and `odd` ones, which name none."""

    by_charge: Mapping[str, Sequence[ListedIntent]]
    odd: Sequence[ListedIntent]


def named_charges(intents: Iterable[ListedIntent], owner_mark: str) -> Named:
    """Those of this stack; the charges whose first intent is oldest come first."""
    found: defaultdict[str, list[ListedIntent]] = defaultdict(list)
    odd = []
    ours = (intent for intent in intents if intent.metadata.get(METADATA_OWNER_MARK) == owner_mark)
    for intent in sorted(ours, key=lambda one: (one.created, one.payment_intent_id)):
        charge_id = _charge_named(intent)
        if charge_id:
            found[charge_id].append(intent)
        else:
            odd.append(intent)
    return Named(found, odd)


def _charge_named(intent: ListedIntent) -> str | None:
    charge_id = intent.metadata.get(METADATA_CHARGE, "")
    try:
        mandate_id = mandate_id_of_charge(charge_id)
    except ValueError:
        return None
    return charge_id if intent.metadata.get(METADATA_MANDATE) == mandate_id else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Of the intents of one charge: its `own`; `unused` ones, which must be cancelled; and `also`, others
    that took the money too, or still may."""

    own: ListedIntent
    unused: tuple[ListedIntent, ...]
    also: tuple[ListedIntent, ...]


def choose(intents: Iterable[ListedIntent], recorded: str | None) -> Choice:
    """`recorded` is the id of the one that the charge knows. It is the charge's own unless another took the
    money."""

    def rank(intent: ListedIntent) -> tuple[int, bool, int, str]:
        status = ["succeeded", "processing"].index(intent.status) if intent.status in TAKES else 2
        return status, intent.payment_intent_id != recorded, intent.created, intent.payment_intent_id

    own, *others = sorted(intents, key=rank)
    return Choice(
        own,
        unused=tuple(one for one in others if one.status not in TAKES | _OVER),
        also=tuple(one for one in others if one.status in TAKES),
    )


def reservation(intent: ListedIntent, decision: Decision, actor: str, charge_by: int) -> ChargeFact:
    """That of a charge that is not here any more. `decision` is of the time when Stripe made the intent,
    `actor` rebuilds the charge. Nobody knows until when it was to be tried: it is not tried any more."""
    notice = decision.notice
    return charge_fact(
        ChargeKind.RESERVED,
        intent.created,
        REBUILT,
        actor=actor,
        amount=str(intent.amount),
        currency=intent.currency,
        charge_by=str(charge_by),
        period=decision.period.key if decision.period else "",
        window=decision.window.key if decision.window else "",
        notice=notice.notice_id if notice else "",
        notice_day=notice.day.isoformat() if notice else "",
    )


def facts_of_lost(
    reserved: ChargeFact, intent: ListedIntent, counts_in: Callable[[int], CountsIn], now: int
) -> tuple[ChargeFact, ...]:
    """All facts of a charge that is not here any more. If Stripe has not decided, the charge is ending."""
    known = merge({}, [reserved])
    told = facts_of_listed(known, intent, counts_in, now)
    if intent.status in _OVER:
        return (reserved, *told)
    actor = reserved.detail.get("actor", "")
    ending = charge_fact(ChargeKind.ENDING, now, REBUILT, reason=EndReason.CANCELED, actor=actor)
    return (reserved, *told, ending)


def facts_of_listed(
    known: ChargeFacts, intent: ListedIntent, counts_in: Callable[[int], CountsIn], now: int
) -> tuple[ChargeFact, ...]:
    """What the intent tells that is not `known` of its charge; empty if nothing. `counts_in` says where an
    attempt that was begun at a time (epoch seconds) counts.

    Of a failed attempt nothing is told: once the charge goes on, Stripe's answer says it again.
    """
    recorded, named = intent_of(known), intent.payment_intent_id
    if recorded not in {None, named} and intent.status != "succeeded":
        return ()
    told = []
    if recorded is None:
        told.append(charge_fact(ChargeKind.INTENT_CREATED, intent.created, REBUILT, payment_intent=named))
    if intent.status == "canceled" and ChargeKind.INTENT_CANCELED not in known:
        told.append(charge_fact(ChargeKind.INTENT_CANCELED, now, REBUILT))
    if intent.status in TAKES and succeeded_attempt(known) is None:
        told += _of_the_attempt(known, intent, counts_in, is_another=recorded not in {None, named})
    return tuple(told)


def _of_the_attempt(
    known: ChargeFacts, intent: ListedIntent, counts_in: Callable[[int], CountsIn], *, is_another: bool
) -> list[ChargeFact]:
    """The attempt that took the money, or may. It is the first, if none is known."""
    charge = intent.charge
    at = charge.created if charge else intent.created
    stripe_charge = charge.stripe_charge if charge else None
    attempt = _attempt_of(known, stripe_charge) or newest_attempt(known) or 1
    told = []
    if of_attempt(known, ChargeKind.ATTEMPT_BEGUN, attempt) is None:
        counts = counts_in(at)
        told.append(
            charge_fact(
                ChargeKind.ATTEMPT_BEGUN, at, REBUILT, attempt=attempt, period=counts.period, day=counts.day
            )
        )
    if intent.status == "processing":
        if of_attempt(known, ChargeKind.ATTEMPT_PROCESSING, attempt):
            return []
        kind, taken = ChargeKind.ATTEMPT_PROCESSING, {}
    else:
        kind, taken = ChargeKind.ATTEMPT_SUCCEEDED, _taken(known, intent)
    another = intent.payment_intent_id if is_another else None
    told.append(
        charge_fact(kind, at, REBUILT, attempt=attempt, charge=stripe_charge, payment_intent=another, **taken)
    )
    return told


def _attempt_of(known: ChargeFacts, stripe_charge: str | None) -> int | None:
    for attempt in attempts(known):
        told = (of_attempt(known, kind, attempt) for kind in ChargeKind)
        if any(fact and stripe_charge in fact.ids.get("charge", ()) for fact in told):
            return attempt
    return None


def _taken(known: ChargeFacts, intent: ListedIntent) -> dict[str, str]:
    """What was taken, only if it is not what the charge is about."""
    taken = {"amount": str(intent.amount_received), "currency": intent.currency}
    return {} if taken.items() <= known[ChargeKind.RESERVED].detail.items() else taken
