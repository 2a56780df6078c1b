"""Facts: what we have been told about a subject, and how two reports of the same fact become one.

Stripe delivers events late, twice, in any order and several in one second, so nothing here "transitions".
Facts accumulate on their subject (a mandate, a Stripe payment method, a Stripe customer). `merge` is
commutative, associative and idempotent: the same set of facts gives the same result, in whatever order and
however often they arrive.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from mandates.core.formats import NewerFormat

OUR_OWN = "api:"

_LATEST_KEPT = frozenset({"setup_failed", "dispute_changed", "dispute_closed"})
"""The kinds of which the latest report counts, and not the earliest. The last two are a charge's
(charging/facts.py)."""

_LATEST = 253_402_300_799  # the last second of the year 9999, where calendars end
_MOST_SHOWN = 40  # characters of an unknown kind, in a message


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


class UnknownKind(NewerFormat):
    """A fact of a kind that this release does not know: none of its formats is known. Its bearer's status
    may depend on it, so nothing may be concluded from the other facts."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"a fact of the kind {kind[:_MOST_SHOWN]!r}", 1, 0)


@dataclass(frozen=True, slots=True)
class Fact[K: str = Kind]:
    """One thing we were told.

    `Fact` alone is about a mandate or what it stands on. A charge has its own kinds (charging/facts.py).

    `at` is in epoch seconds: Stripe's `created` for what Stripe reported, otherwise our own clock.
    `source` says who reported it: an event id, or a word for our own calls after `api:` (OUR_OWN), or for an
    operator's command after `ops:`.
    `ids` are the Stripe ids that it names. `detail` holds plain words (a failure code, who revoked).
    `qualifier` distinguishes facts of one kind if several are kept.
    """

    kind: K
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


type FactsOf[K: str] = Mapping[str, Fact[K]]

Facts = Mapping[str, Fact]
"""The facts of one subject, by key."""

NO_FACTS: Facts = {}


def ids(**named: str | None) -> dict[str, frozenset[str]]:
    """The `ids` of a fact. A name whose id is unknown (None) is left out, for another source to fill in."""
    return {name: frozenset({value}) for name, value in named.items() if value is not None}


def merge_fact[K: str](one: Fact[K], other: Fact[K]) -> Fact[K]:
    """Two reports of the same fact as one: the union of the ids, and the earliest report.

    A customer may fail many times in one session, and a dispute may change often. Of these the latest is
    kept, since it is the one worth knowing; the ledger has them all. Union, minimum and maximum are
    commutative, associative and idempotent.
    """
    choose = max if one.kind in _LATEST_KEPT else min
    first = choose(one, other, key=lambda fact: fact._testimony)
    names = one.ids.keys() | other.ids.keys()
    united = {name: one.ids.get(name, frozenset()) | other.ids.get(name, frozenset()) for name in names}
    return Fact(first.kind, first.at, first.source, united, first.detail, first.qualifier)


def merge[K: str](facts: FactsOf[K], new: Iterable[Fact[K]]) -> FactsOf[K]:
    """All known and all new facts, merged."""
    merged = dict(facts)
    for fact in new:
        known = merged.get(fact.key)
        merged[fact.key] = fact if known is None else merge_fact(known, fact)
    return merged


def has(facts: Facts, *kinds: Kind) -> bool:
    return any(fact.kind in kinds for fact in facts.values())


def all_ids(facts: FactsOf[Any], name: str) -> frozenset[str]:
    """Every id with that name, whichever fact has it."""
    return frozenset[str]().union(*(fact.ids.get(name, frozenset()) for fact in facts.values()))


def the_id(facts: FactsOf[Any], name: str) -> str | None:
    """The id with that name; None if no fact has one.

    In principle sources could disagree. Then it is the smallest, so that all readers get the same.
    """
    return min(all_ids(facts, name), default=None)


def to_plain(fact: Fact[Any]) -> dict[str, Any]:
    """A fact as sorted JSON values, as it is stored and hashed in the ledger."""
    return {
        "kind": str(fact.kind),
        "qualifier": fact.qualifier,
        "at": fact.at,
        "source": fact.source,
        "ids": {name: sorted(values) for name, values in sorted(fact.ids.items())},
        "detail": dict(sorted(fact.detail.items())),
    }


def fact_from_plain(plain: Mapping[str, Any]) -> Fact:
    """The fact of `to_plain`. Raises what `read_fact` raises."""
    return read_fact(plain, _known)


def read_fact[K: str](plain: Mapping[str, Any], kind_of: Callable[[Any], K]) -> Fact[K]:
    """The fact of `to_plain`; `kind_of` turns the stored word into a kind.

    Raises UnknownKind for a kind of a later release; ValueError, TypeError, KeyError or AttributeError if it
    is not a fact. Neither may be half understood.
    """
    said = [plain["source"], plain["qualifier"], *plain["detail"].values(), *chain(*plain["ids"].values())]
    if not (is_time(plain["at"]) and all(isinstance(one, str) for one in said)):
        raise ValueError("a fact has a time in epoch seconds, and otherwise texts")
    if not all(isinstance(values, list) for values in plain["ids"].values()):
        raise ValueError("the ids of a fact are lists")
    return Fact(
        kind=kind_of(plain["kind"]),
        at=plain["at"],
        source=plain["source"],
        ids={name: frozenset(values) for name, values in plain["ids"].items()},
        detail=dict(plain["detail"]),
        qualifier=plain["qualifier"],
    )


def _known(kind: Any) -> Kind:
    if isinstance(kind, str) and kind not in Kind:
        raise UnknownKind(kind)
    return Kind(kind)


def all_from_plain(plain: Mapping[str, Any]) -> Facts:
    """Raises what `fact_from_plain` raises, and ValueError for a fact under another fact's key."""
    facts = {key: fact_from_plain(fact) for key, fact in plain.items()}
    if any(fact.key != key for key, fact in facts.items()):
        raise ValueError("a fact lies under the key of another")
    return facts


def is_time(value: Any) -> bool:
    """Whether it is a time in epoch seconds that a calendar can name."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LATEST


def utc(epoch_seconds: int) -> str:
    """A fact's time in RFC 3339, in whole seconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
