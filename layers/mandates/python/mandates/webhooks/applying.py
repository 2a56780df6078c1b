"""Applying a batch of Stripe events, so that none is lost, none is applied twice and none blocks another.

Events of one mandate make one update, and several mandates share a transaction. If a shared transaction
fails, its events are applied mandate by mandate, each with its own retries. So one event that can't be
applied does not affect its neighbours. Each event about a charge has a transaction of its own: two of one
mandate would write the item of its period twice.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from mandates.charges.outcomes import apply_outcome
from mandates.core.changes import WHOLE_EVENT, Contribution, EventRecord, Subject
from mandates.core.clock import Clock, Instant
from mandates.core.errors import Busy
from mandates.core.facts import Kind
from mandates.core.mandate import Mandate
from mandates.core.stripe_events.meaning import (
    AboutCharge,
    AboutDispute,
    AboutMandate,
    AboutMoney,
    AboutRefund,
    AboutSubject,
    Impossible,
    Meaning,
    NotOurs,
)
from mandates.core.stripe_events.projection import has_mark
from mandates.core.stripe_events.readers import read_event
from mandates.ledger.contributing import contribute, withdraw_subject, work_out
from mandates.store.batch_reads import ReadTogether, read_together
from mandates.store.dynamodb import StoreError
from mandates.store.events import APPLIED, IGNORED, QUARANTINED, already_applied, record_outcome
from mandates.store.mandates import commit, read_heads, transaction_groups
from mandates.webhooks.strangers import named_by_their_charges, nameless_payments

ProjectedEvent = Mapping[str, Any]
Results = dict[str, Exception | str]
"""The outcome of each event by its id, or the error that stopped it for now."""

KNOWN = "known"
FOREIGN = "foreign"


def apply_events(
    events: Sequence[ProjectedEvent], *, owner_mark: str, livemode: bool, clock: Clock
) -> Results:
    """Apply projected events (core/stripe_events/readers.py) and leave a record of each.

    An event about a stranger's payment leaves none: one without our mark, whose intent no charge of ours has
    recorded. Those queued are nearly all about refunds and disputes (core/stripe_events/projection.py). Each
    costs one read.

    An event whose result is an exception has left no record and must be delivered again.
    """
    by_id = {event["id"]: event for event in events}
    results: Results = {}
    readings = _read(by_id, results, owner_mark, livemode)
    records = [EventRecord(event_id) for event_id in by_id if results.get(event_id) != FOREIGN]
    known = _known_of(records, readings.values())
    applied = _applied_before(records, results) if known is None else known.applied
    results |= dict.fromkeys((record.event_id for record in applied), KNOWN)
    batch = _Batch(by_id, clock, results)
    about_mandates: list[AboutMandate] = []
    for event_id, reading in readings.items():
        if event_id in results:
            continue
        match reading:
            case AboutMandate():
                about_mandates.append(reading)
            case AboutSubject():
                batch.guarded(event_id, partial(batch.apply_to_subject, reading))
                known = None  # the mandates and what they stand on have changed since they were read
            case AboutCharge() | AboutRefund() | AboutDispute():
                batch.guarded(event_id, partial(batch.apply_to_charge, reading))
            case NotOurs(outcome=outcome):
                batch.guarded(event_id, partial(batch.leave_record, by_id[event_id], outcome))
            case Impossible(reason=reason):
                batch.guarded(event_id, partial(batch.quarantine, by_id[event_id], reason))
    batch.apply_to_mandates(about_mandates, known)
    return results


def _read(
    events: dict[str, ProjectedEvent], results: Results, owner_mark: str, livemode: bool
) -> dict[str, Meaning]:
    """What each event says, except those that need nothing more: they have their result. An event whose
    metadata was edited is replaced by one with the metadata that we gave its intent."""
    nameless = nameless_payments(events, owner_mark)
    try:
        events |= named_by_their_charges(events, nameless, owner_mark)
    except Exception as error:  # the table is out of reach, or one of the items is unreadable
        results |= dict.fromkeys(nameless, error)
    readings: dict[str, Meaning] = {}
    for event_id, event in events.items():
        if event_id in results:
            continue
        if event_id in nameless and not has_mark(event, owner_mark):
            results[event_id] = FOREIGN
            continue
        try:
            readings[event_id] = read_event(event, owner_mark=owner_mark, livemode=livemode)
        except Exception as error:
            results[event_id] = error
    return readings


def _known_of(records: Sequence[EventRecord], readings: Iterable[Meaning]) -> ReadTogether | None:
    """Everything that a batch needs to know, in one request; None if that fails.

    One of the tables may be out of reach, or one of the mandates may be unreadable.
    """
    about = [reading for reading in readings if isinstance(reading, AboutMandate)]
    try:
        return read_together(
            records,
            (reading.mandate_id for reading in about),
            chain.from_iterable(reading.subjects for reading in about),
        )
    except Exception:  # then each is read separately, and succeeds or fails separately
        return None


def _applied_before(records: Sequence[EventRecord], results: Results) -> set[EventRecord]:
    """The events already applied. One whose record can't be read does not hold up another."""
    try:
        return already_applied(records)
    except StoreError:
        raise
    except Exception:
        found: set[EventRecord] = set()
        for record in records:
            try:
                found |= already_applied([record])
            except Exception as error:
                results[record.event_id] = error
        return found


class _Batch:
    def __init__(self, events: Mapping[str, ProjectedEvent], clock: Clock, results: Results) -> None:
        self._events = events
        self._clock = clock
        self._results = results

    def guarded(self, event_id: str, apply: Callable[[], str]) -> None:
        """Run one event's part. Its exception becomes its result and does not stop another event."""
        try:
            self._results[event_id] = apply()
        except Exception as error:
            self._results[event_id] = error

    def leave_record(self, event: ProjectedEvent, outcome: str, subject: str | None = None) -> str:
        record_outcome(event, outcome, Instant(self._clock()), subject=subject)
        return outcome

    def quarantine(self, event: ProjectedEvent, reason: str) -> str:
        record_outcome(event, QUARANTINED, Instant(self._clock()), reason=reason)
        return QUARANTINED

    def apply_to_subject(self, reading: AboutSubject) -> str:
        """Withdraw, add it to each mandate's ledger, then record the event as done.

        After a crash in between, all of it is repeated: the write merges, and each ledger records it only
        once.
        """
        withdraw_subject(reading.subject, reading.fact, self._clock, event=self._record(reading.event_id))
        return self.leave_record(self._events[reading.event_id], APPLIED, subject=reading.subject)

    def apply_to_charge(self, reading: AboutMoney) -> str:
        event = self._events[reading.event_id]
        untold = apply_outcome(reading, self._record(reading.event_id), self._clock)
        if untold is None:
            return APPLIED
        if untold.impossible:
            return self.quarantine(event, untold.impossible)
        return self.leave_record(event, IGNORED)

    def apply_to_mandates(self, readings: Sequence[AboutMandate], known: ReadTogether | None) -> None:
        """`known` is what was just read of the mandates, if it still holds."""
        if not readings:
            return
        try:
            heads = known.heads if known else read_heads(reading.mandate_id for reading in readings)
        except StoreError as error:
            self._results.update({reading.event_id: error for reading in readings})
            return
        except Exception as error:  # one of them can't be interpreted
            self._apart(readings, error)
            return
        contributions: dict[str, list[Contribution]] = defaultdict(list)
        for reading in readings:
            reason = _impossible_for(reading, heads.get(reading.mandate_id))
            if reason:
                event = self._events[reading.event_id]
                self.guarded(reading.event_id, partial(self.quarantine, event, reason))
            else:
                told = Contribution(reading.event_id, (reading.fact,), self._record(reading.event_id))
                contributions[reading.mandate_id].append(told)
        self._commit(contributions, heads, known.subjects if known else {})

    def _apart(self, readings: Sequence[AboutMandate], error: Exception) -> None:
        """One mandate at a time, so that one with an unreadable head does not hold up another."""
        by_mandate: dict[str, list[AboutMandate]] = defaultdict(list)
        for reading in readings:
            by_mandate[reading.mandate_id].append(reading)
        for of_one in by_mandate.values():
            if len(by_mandate) > 1:
                self.apply_to_mandates(of_one, None)
            else:
                self._results.update({reading.event_id: error for reading in of_one})

    def _commit(
        self,
        contributions: Mapping[str, Sequence[Contribution]],
        heads: Mapping[str, Mandate],
        subjects: Mapping[str, Subject],
    ) -> None:
        now = Instant(self._clock())
        try:
            for group in transaction_groups(work_out(contributions, heads, now, subjects)):
                commit(group, now)
                for change in group:
                    self._applied(contributions[change.after.mandate_id])
        except Exception:
            # The event that caused it is found below, and only that one returns to the queue.
            self._one_by_one(contributions)

    def _one_by_one(self, contributions: Mapping[str, Sequence[Contribution]]) -> None:
        for mandate_id, told in contributions.items():
            if all(new.source in self._results for new in told):
                continue
            try:
                contribute(mandate_id, told, self._clock)
            except (StoreError, Busy) as error:
                self._results.update({new.source: error for new in told})
            except Exception:  # one of them can't be written, but the mandate's others can
                for new in told:
                    self.guarded(new.source, partial(self._contribute_alone, mandate_id, new))
            else:
                self._applied(told)

    def _contribute_alone(self, mandate_id: str, told: Contribution) -> str:
        contribute(mandate_id, [told], self._clock)
        return APPLIED

    def _applied(self, contributions: Sequence[Contribution]) -> None:
        self._results.update({new.source: APPLIED for new in contributions})

    def _record(self, event_id: str) -> EventRecord:
        event = self._events[event_id]
        return EventRecord(event_id, WHOLE_EVENT, event.get("type"), event.get("created"))


def _impossible_for(reading: AboutMandate, head: Mandate | None) -> str | None:
    """Why this can't be about that mandate. Stripe's answer is believed only if it matches our own data."""
    if head is None:
        return f"there is no mandate {reading.mandate_id}"
    if is_of_another_customer(reading, head):
        return "its Stripe customer is not the mandate's"
    if is_of_another_checkout(reading, head):
        return "it is not about the Checkout Session that was created for the mandate"
    return None


def is_of_another_customer(reading: AboutMandate, head: Mandate) -> bool:
    return reading.stripe_customer_id not in {None, head.stripe_customer_id}


def is_of_another_checkout(reading: AboutMandate, head: Mandate) -> bool:
    """Whether it names a session or SetupIntent other than the one in Stripe's answer to the creation.

    That answer is recorded before anybody gets the session's URL or the mandate's id. So whatever is reported
    about either comes after it. If the answer was lost, an event can only be checked against its customer.
    """
    created = head.facts.get(Kind.SESSION_CREATED)
    if created is None:
        return False
    said = reading.fact.ids
    return any(name in said and not said[name] <= ours for name, ours in created.ids.items())
