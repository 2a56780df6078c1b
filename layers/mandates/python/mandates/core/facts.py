"""Facts: what we have been told about a subject, and how two tellings of it become one.

Stripe delivers events late, twice, in any order and several in one second, so nothing here
"transitions". Facts accumulate on their subject (a mandate, a Stripe payment method, a Stripe
customer), and `merge` is commutative, associative and idempotent: whatever the order and however
often facts arrive, the same set of them comes out the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

OUR_OWN = "api:"

_LATEST = 253_402_300_799  # the last second of the year 9999, which calendars end with


class Kind(StrEnum):
    """The kinds of fact, by subject. The value is what is stored and hashed: never change one."""

    # about a mandate
    CONSENT_ACCEPTED = "consent_accepted"
    SESSION_CREATED = "session_created"
    SESSION_COMPLETED = "session_completed"
    SESSION_EXPIRED = "session_expired"
    SESSION_CANCELLED = "session_cancelled"
    SETUP_SUCCEEDED = "setup_succeeded"
    SETUP_FAILED = "setup_failed"
    SETUP_CANCELED = "setup_canceled"
    RETURNED = "returned"
    CHARGE_MANDATE_INVALID = "charge_mandate_invalid"
    REVOKED = "revoked"
    # about a Stripe payment method
    DETACHED = "detached"
    MANDATE_INACTIVE = "mandate_inactive"
    # about a Stripe customer
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing we were told.

    `at` is in epoch seconds: Stripe's `created` for what Stripe told us, else our own clock.
    `source` is the id of what told us: an event id, or `api:` (OUR_OWN) and a word for our own calls.
    `ids` are the Stripe ids it names; `detail` are plain words (a failure code, who revoked).
    `qualifier` tells facts of one kind apart where several are to be kept.
    """

    kind: Kind
    at: int
    source: str
    ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    detail: Mapping[str, str] = field(default_factory=dict)
    qualifier: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}#{self.qualifier}" if self.qualifier else str(self.kind)

    @property
    def is_our_own(self) -> bool:
        return self.source.startswith(OUR_OWN)

    @property
    def _testimony(self) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        return self.at, self.source, tuple(sorted(self.detail.items()))


Facts = Mapping[str, Fact]
"""The facts of one subject by their key."""

NO_FACTS: Facts = {}


def ids(**named: str | None) -> dict[str, frozenset[str]]:
    """The `ids` of a fact; a name whose id is not known (None) is left out, for another source to fill."""
    return {name: frozenset({value}) for name, value in named.items() if value is not None}


def merge_fact(one: Fact, other: Fact) -> Fact:
    """Two tellings of the same fact: the union of the ids, and the earliest testimony.

    A customer may fail many times in one session; there the latest is the one worth knowing, and the ledger
    has them all. Union, minimum and maximum are each commutative, associative and idempotent.
    """
    choose = max if one.kind is Kind.SETUP_FAILED else min
    first = choose(one, other, key=lambda fact: fact._testimony)
    names = one.ids.keys() | other.ids.keys()
    united = {name: one.ids.get(name, frozenset()) | other.ids.get(name, frozenset()) for name in names}
    return Fact(first.kind, first.at, first.source, united, first.detail, first.qualifier)


def merge(facts: Facts, new: Iterable[Fact]) -> Facts:
    """All that was known and all that is new, as one."""
    merged = dict(facts)
    for fact in new:
        known = merged.get(fact.key)
        merged[fact.key] = fact if known is None else merge_fact(known, fact)
    return merged


def has(facts: Facts, *kinds: Kind) -> bool:
    return any(fact.kind in kinds for fact in facts.values())


def all_ids(facts: Facts, name: str) -> frozenset[str]:
    """Every id of that name among the facts, whichever fact brought it."""
    return frozenset[str]().union(*(fact.ids.get(name, frozenset()) for fact in facts.values()))


def the_id(facts: Facts, name: str) -> str | None:
    """The id of that name; None when no fact has one.

    Sources could in principle disagree; then the smallest is taken, so that all readers take the same.
    """
    return min(all_ids(facts, name), default=None)


def to_plain(fact: Fact) -> dict[str, Any]:
    """A fact as JSON values, sorted: what is stored, and what the ledger's hash is taken over."""
    return {
        "kind": str(fact.kind),
        "qualifier": fact.qualifier,
        "at": fact.at,
        "source": fact.source,
        "ids": {name: sorted(values) for name, values in sorted(fact.ids.items())},
        "detail": dict(sorted(fact.detail.items())),
    }


def from_plain(plain: Mapping[str, Any]) -> Fact:
    """The fact of `to_plain`. Raises ValueError, TypeError, KeyError or AttributeError for what is none: an
    item that somebody altered must not be half understood."""
    said = [plain["source"], plain["qualifier"], *plain["detail"].values(), *chain(*plain["ids"].values())]
    if not (is_time(plain["at"]) and all(isinstance(one, str) for one in said)):
        raise ValueError("a fact has a time in epoch seconds, and otherwise texts")
    if not all(isinstance(values, list) for values in plain["ids"].values()):
        raise ValueError("the ids of a fact are lists")
    return Fact(
        kind=Kind(plain["kind"]),
        at=plain["at"],
        source=plain["source"],
        ids={name: frozenset(values) for name, values in plain["ids"].items()},
        detail=dict(plain["detail"]),
        qualifier=plain["qualifier"],
    )


def all_from_plain(plain: Mapping[str, Any]) -> Facts:
    """Raises what `from_plain` raises, or ValueError for a fact under another's key."""
    facts = {key: from_plain(fact) for key, fact in plain.items()}
    if any(fact.key != key for key, fact in facts.items()):
        raise ValueError("a fact lies under the key of another")
    return facts


def is_time(value: Any) -> bool:
    """Whether it is a time in epoch seconds, within what calendars can name."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LATEST


def utc(epoch_seconds: int) -> str:
    """A fact's time in RFC 3339, in whole seconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
