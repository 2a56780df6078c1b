"""All that is known of a mandate, as the evidence is made of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mandates.core.facts import NO_FACTS, Facts, Kind, from_plain, merge
from mandates.core.ledger import Entry, PersonalValue
from mandates.core.mandate import Mandate, status
from mandates.core.terms import Terms

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Agreed:
    """The terms that govern a mandate, as they were published. Times are RFC 3339."""

    terms: Terms
    published_at: str
    retired_at: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """All that the store knows of a mandate.

    `subjects` are the facts of what it stands on, by key; `personal` what is still kept, by entry and name.
    """

    mandate: Mandate
    subjects: Mapping[str, Facts]
    entries: Sequence[Entry]
    personal: Mapping[int, Mapping[str, PersonalValue]]
    agreed: Agreed | None
    refusals: Sequence[Json] = field(default=())
    charges: Sequence[Json] = field(default=())

    @property
    def status(self) -> str:
        return str(status(self.mandate.facts, *self.subjects.values()))


def consent_entry(entries: Iterable[Entry]) -> tuple[Entry, Json] | None:
    for entry in entries:
        for fact in entry.facts:
            if fact["kind"] == Kind.CONSENT_ACCEPTED:
                return entry, fact
    return None


_OF_SUBJECTS = frozenset({Kind.DETACHED, Kind.MANDATE_INACTIVE, Kind.DELETED})


def head_follows(mandate: Mandate, entries: Iterable[Entry]) -> bool:
    """Whether the head's facts are those its ledger tells of: status is computed from the head's."""
    told = (from_plain(fact) for entry in entries for fact in entry.facts)
    return merge(NO_FACTS, (fact for fact in told if fact.kind not in _OF_SUBJECTS)) == mandate.facts


def utc(epoch_seconds: int) -> str:
    moment = datetime.fromtimestamp(epoch_seconds, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
