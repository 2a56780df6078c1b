"""From when on evidence may go."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.facts import Fact, Kind
from mandates.core.ledger import GENESIS, Entry, append
from mandates.core.retention import ERASURE, EVIDENCE_DAYS, erasure_begun, evidence_ends, last_of_its_life
from tests.unit.laws import law

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def ledger(*told: tuple[datetime, Fact]) -> list[Entry]:
    entries: list[Entry] = []
    for at, fact in told:
        entries.append(
            append(
                mandate_id="mdt_example",
                length=len(entries),
                head_hash=entries[-1].hash if entries else GENESIS,
                recorded_at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                source=fact.source,
                facts=[fact],
                status="pending",
            )
        )
    return entries


def fact(kind: Kind, source: str = "somebody") -> Fact:
    return Fact(kind, 1, source)


def test_it_is_amazon_pays_dispute_window() -> None:
    assert EVIDENCE_DAYS == 240
    assert evidence_ends(FIRST) == datetime(2027, 6, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("charged", "from_when"),
    [(FIRST + DAY, FIRST + 241 * DAY), (FIRST - DAY, FIRST + 240 * DAY), (None, FIRST + 240 * DAY)],
)
def test_the_later_of_entry_and_charge_counts(charged: datetime | None, from_when: datetime) -> None:
    assert evidence_ends(FIRST, charged) == from_when


@law
@given(moments, moments)
def test_it_is_never_too_short(entry: datetime, charge: datetime) -> None:
    ends = evidence_ends(entry, charge)
    assert ends - entry >= timedelta(days=240)
    assert ends - charge >= timedelta(days=240)
    assert ends >= evidence_ends(entry)


def test_the_last_entry_counts_whatever_it_is() -> None:
    entries = ledger((FIRST, fact(Kind.CONSENT_ACCEPTED)), (FIRST + 3 * DAY, fact(Kind.REVOKED)))
    assert erasure_begun(entries) is None
    assert last_of_its_life(entries) == FIRST + 3 * DAY


def test_an_erasure_and_what_follows_it_does_not_count() -> None:
    entries = ledger(
        (FIRST, fact(Kind.CONSENT_ACCEPTED)),
        (FIRST + DAY, fact(Kind.REVOKED)),
        (FIRST + 9 * DAY, fact(Kind.REVOKED, ERASURE)),
        (FIRST + 10 * DAY, fact(Kind.DETACHED)),
    )
    assert erasure_begun(entries) == 3
    assert last_of_its_life(entries) == FIRST + DAY


def test_an_empty_ledger_has_nothing_to_keep() -> None:
    assert last_of_its_life([]) is None
    assert erasure_begun([]) is None


def test_revoking_is_no_erasure() -> None:
    entries = ledger(
        (FIRST, fact(Kind.REVOKED, "api:revoke_mandate")), (FIRST, fact(Kind.REVOKED, "ops:revoke"))
    )
    assert erasure_begun(entries) is None


def test_a_ledger_is_gone_through_once() -> None:
    entries = Counting(ledger(*((FIRST + number * DAY, fact(Kind.SETUP_FAILED)) for number in range(200))))
    assert last_of_its_life(entries) == FIRST + 199 * DAY
    assert entries.read <= 200


class Counting(list[Entry]):
    """Says how many of its entries were read."""

    read = 0

    def __iter__(self) -> Iterator[Entry]:
        for entry in super().__iter__():
            self.read += 1
            yield entry
