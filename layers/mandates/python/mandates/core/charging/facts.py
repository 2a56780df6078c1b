"""What we were told about a charge. Facts accumulate and merge as those of mandates do (core/facts.py).

A fact about an attempt has the attempt's number as its qualifier. One about a refund has our id of it, and
one about a dispute has Stripe's. A reader keeps kinds that it does not know: the next release may write one,
and this one may have to run beside it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from mandates.core.charging.error_classes import ErrorClass, error_class
from mandates.core.charging.ids import REFUND_ID, attempt_in
from mandates.core.facts import Fact, FactsOf, ids, read_fact, the_id


class ChargeKind(StrEnum):
    """The kinds of fact. The value is what is stored and hashed: never change one."""

    RESERVED = "reserved"
    """Room is held. Detail: `amount`, `currency`, `charge_by`; `period` and `window`, if there are such;
    `notice` and `notice_day`, if it needs one: the notice's id and local day. `retries`: on which days after
    the first attempt a soft decline is retried, as "1,3,7". `actor`: the client that asked."""
    INTENT_CREATED = "intent_created"
    """Id: `payment_intent`."""
    ATTEMPT_BEGUN = "attempt_begun"
    """Stripe may be told to confirm from now on. Detail: `period`, if there is such, and `day`."""
    ATTEMPT_PROCESSING = "attempt_processing"
    ATTEMPT_NEEDS_ACTION = "attempt_needs_action"
    ATTEMPT_FAILED = "attempt_failed"
    """Detail: `status`, `code`, `decline_code`, `advice`: Stripe's words, where it said them."""
    ATTEMPT_EXAMINED = "attempt_examined"
    """We read at Stripe what a failed attempt is said to have failed at. Detail: `found`, a Finding."""
    ATTEMPT_SUCCEEDED = "attempt_succeeded"
    """Id: `charge`, Stripe's own; `payment_intent`, if that is not the intent that the charge recorded."""
    ENDING = "ending"
    """We decided to end the charge. Detail: `reason`, an EndReason; `actor` and `why`, if somebody
    asked for it."""
    INTENT_CANCELED = "intent_canceled"
    """Stripe can't take money for it any more."""
    REFUND_REQUESTED = "refund_requested"
    """Its amount is held back, and Stripe may be told from now on. Detail: `amount`, `currency`, `actor`;
    `reason`, if the caller gave one; `request`: the digest of what was asked."""
    REFUND_CREATED = "refund_created"
    """Stripe has it. Id: `refund`. Detail: `amount`, `currency`; `reason`, if Stripe tells one."""
    REFUND_SUCCEEDED = "refund_succeeded"
    """Id: `refund`."""
    REFUND_FAILED = "refund_failed"
    """Nothing was given back, or it came back to us. Id: `refund`, if Stripe had it. Detail: `reason`."""
    DISPUTE_OPENED = "dispute_opened"
    """Ids: `dispute` and `charge`, Stripe's own. Detail: as Stripe says (disputes.py)."""
    DISPUTE_CHANGED = "dispute_changed"
    """As DISPUTE_OPENED. The latest is kept."""
    DISPUTE_CLOSED = "dispute_closed"
    """As DISPUTE_OPENED. The latest is kept: an appeal may open and close it again."""


REBUILT = "ops:rebuild"
"""The source of what was rebuilt from Stripe after the tables were restored (rebuilt.py)."""


class Finding(StrEnum):
    """What became of Stripe's Mandate or payment method, according to Stripe."""

    WITHDRAWN = "withdrawn"
    """It can't be charged any more, and our mandate has been withdrawn."""
    NOTHING = "nothing"
    """It is as it should be. Then the failure is ours to mend."""


class EndReason(StrEnum):
    DECLINED = "declined"
    """Stripe says that it can't succeed, or declined its last retry."""
    NOT_PERMITTED = "not_permitted"
    """Another attempt is refused until `charge_by`."""
    OVERDUE = "overdue"
    """`charge_by` has passed."""
    WITHDRAWN = "withdrawn"
    """The mandate was withdrawn."""
    CANCELED = "canceled"
    """The business cancelled it."""


type ChargeFact = Fact[str]
type ChargeFacts = FactsOf[str]

OF_ATTEMPTS = frozenset(
    {
        ChargeKind.ATTEMPT_BEGUN,
        ChargeKind.ATTEMPT_PROCESSING,
        ChargeKind.ATTEMPT_NEEDS_ACTION,
        ChargeKind.ATTEMPT_FAILED,
        ChargeKind.ATTEMPT_EXAMINED,
        ChargeKind.ATTEMPT_SUCCEEDED,
    }
)

OF_REFUNDS = frozenset(
    {
        ChargeKind.REFUND_REQUESTED,
        ChargeKind.REFUND_CREATED,
        ChargeKind.REFUND_SUCCEEDED,
        ChargeKind.REFUND_FAILED,
    }
)

OF_DISPUTES = frozenset({ChargeKind.DISPUTE_OPENED, ChargeKind.DISPUTE_CHANGED, ChargeKind.DISPUTE_CLOSED})

_ATTEMPT = re.compile(r"[1-9][0-9]{0,3}")


def charge_fact(
    kind: ChargeKind,
    at: int,
    source: str,
    *,
    attempt: int | None = None,
    about: str = "",
    charge: str | None = None,
    payment_intent: str | None = None,
    refund: str | None = None,
    dispute: str | None = None,
    **detail: str,
) -> ChargeFact:
    """A fact. `about` is our id of the refund, or Stripe's id of the dispute, that it is about. `charge`,
    `payment_intent`, `refund` and `dispute` are Stripe's ids, where they are known. Empty details are left
    out."""
    said = {name: value for name, value in detail.items() if value}
    named = ids(charge=charge, payment_intent=payment_intent, refund=refund, dispute=dispute)
    return Fact(kind, at, source, named, said, about if attempt is None else str(attempt))


def charge_fact_from_plain(plain: Mapping[str, Any]) -> ChargeFact:
    """The fact of `to_plain`, also of an unknown kind. Raises what `read_fact` raises, and ValueError for a
    fact about an attempt without a number, or about a refund or a dispute without an id."""
    fact = read_fact(plain, _kind)
    if fact.kind in OF_ATTEMPTS and not _ATTEMPT.fullmatch(fact.qualifier):
        raise ValueError("an attempt has a number")
    if fact.kind in OF_REFUNDS and not REFUND_ID.fullmatch(fact.qualifier):
        raise ValueError("a refund has an id")
    if fact.kind in OF_DISPUTES and not fact.qualifier:
        raise ValueError("a dispute has an id")
    return fact


def _kind(word: Any) -> str:
    if not isinstance(word, str) or not word or "#" in word:
        raise ValueError("not the kind of a fact")
    return ChargeKind(word) if word in set(ChargeKind) else word


def by_subject(facts: Iterable[ChargeFact]) -> list[list[ChargeFact]]:
    """The facts about each refund and each dispute by themselves, and all others together."""
    found: dict[str, list[ChargeFact]] = {}
    for fact in facts:
        about = fact.qualifier if fact.kind in OF_REFUNDS | OF_DISPUTES else ""
        found.setdefault(about, []).append(fact)
    return list(found.values())


# ---------------------------------------------------------------------------------------------- attempts


def of_attempt(facts: ChargeFacts, kind: ChargeKind, attempt: int) -> ChargeFact | None:
    return facts.get(f"{kind}#{attempt}")


def attempts(facts: ChargeFacts) -> list[int]:
    """The numbers of all attempts that any fact is about, in order."""
    return sorted({_number(fact) for fact in facts.values() if fact.kind in OF_ATTEMPTS})


def newest_attempt(facts: ChargeFacts) -> int:
    """Its number; 0 if none was begun."""
    return max(attempts(facts), default=0)


def was_answered(facts: ChargeFacts) -> bool:
    """Whether Stripe has said anything of any attempt. One that nobody answered may never have reached it."""
    return any(fact.kind in OF_ATTEMPTS and fact.kind != ChargeKind.ATTEMPT_BEGUN for fact in facts.values())


def succeeded_attempt(facts: ChargeFacts) -> int | None:
    """The attempt that took the money. An intent succeeds once: two would be two reports of one success."""
    return min(_of_kind(facts, ChargeKind.ATTEMPT_SUCCEEDED), default=None)


def success_of(facts: ChargeFacts) -> ChargeFact | None:
    """The ATTEMPT_SUCCEEDED that took the money; None if the charge took none."""
    return of_attempt(facts, ChargeKind.ATTEMPT_SUCCEEDED, succeeded_attempt(facts) or 0)


def whole_number(text: str | None) -> int | None:
    """The whole number that a detail of a fact is; None if it is anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() else None


def class_of(fact: ChargeFact) -> ErrorClass:
    """The class of an ATTEMPT_FAILED. It is computed, not stored, so a code learnt later counts at once."""
    said = fact.detail
    return error_class(
        status=said.get("status", ""),
        code=said.get("code", ""),
        decline_code=said.get("decline_code", ""),
        advice=said.get("advice", ""),
    )


def failure_class(facts: ChargeFacts, attempt: int) -> ErrorClass | None:
    """The class of the attempt's failure; None if it has not failed.

    Where Stripe's own objects don't bear out what the failure says about them, it is ours to mend.
    """
    failed = of_attempt(facts, ChargeKind.ATTEMPT_FAILED, attempt)
    if failed is None:
        return None
    if found(facts, attempt) == Finding.NOTHING:
        return ErrorClass.OURS_TO_MEND
    return class_of(failed)


def found(facts: ChargeFacts, attempt: int) -> str | None:
    """What was found when the attempt's failure was examined; None if it was not yet."""
    examined = of_attempt(facts, ChargeKind.ATTEMPT_EXAMINED, attempt)
    return examined.detail.get("found") if examined else None


def declined_attempts(facts: ChargeFacts) -> frozenset[int]:
    """The attempts that count as declined."""
    return frozenset(
        number
        for number in _of_kind(facts, ChargeKind.ATTEMPT_FAILED)
        if failure_class(facts, number) is not ErrorClass.OURS_TO_MEND
    )


def counted_attempts(facts: ChargeFacts) -> int:
    """How many attempts count towards the most that a charge may have."""
    return len(attempts(facts)) - len(
        set(_of_kind(facts, ChargeKind.ATTEMPT_FAILED)) - declined_attempts(facts)
    )


def is_rebuilt(facts: ChargeFacts) -> bool:
    """Whether the charge itself was rebuilt: what permitted it is lost, and so are its attempts' numbers."""
    reserved = facts.get(ChargeKind.RESERVED)
    return reserved is not None and reserved.source == REBUILT


def intent_of(facts: ChargeFacts) -> str | None:
    """Stripe's id of the charge's intent. After a restore the charge may know two: then it is the one that
    took the money."""
    success = success_of(facts)
    took = min(success.ids.get("payment_intent", ()), default=None) if success else None
    return took or the_id(facts, "payment_intent")


def attempt_of_event(
    facts: ChargeFacts,
    charge_id: str,
    *,
    idempotency_key: str | None,
    stripe_charge: str | None,
    created: int,
) -> int | None:
    """Which attempt an event is about; None if none was begun before it.

    The key of the request that caused the event says it for sure. Stripe's charge says it only if it is
    known: `latest_charge` is null or unchanged when a failure makes no charge. Otherwise it is the newest
    attempt begun before the event's `created`.
    """
    named = attempt_in(charge_id, idempotency_key)
    if named is not None:
        return named
    for fact in facts.values():
        if fact.kind in OF_ATTEMPTS and stripe_charge in fact.ids.get("charge", ()):
            return _number(fact)
    begun = (
        number
        for number in _of_kind(facts, ChargeKind.ATTEMPT_BEGUN)
        if (fact_ := of_attempt(facts, ChargeKind.ATTEMPT_BEGUN, number)) and fact_.at <= created
    )
    return max(begun, default=None)


def _of_kind(facts: ChargeFacts, kind: ChargeKind) -> Iterator[int]:
    return (_number(fact) for fact in facts.values() if fact.kind == kind)


def _number(fact: ChargeFact) -> int:
    return int(fact.qualifier)
