"""Finds events that Stripe's webhooks did not bring in Stripe's own list, and queues them as if they had.

Stripe gives up a webhook after three days, and stops at once if its endpoint is disabled. Its list of events
goes back 30 days. So the list is read from a durable cursor, in slices of time, oldest first. Any event
without a record here is queued, reduced exactly as receive_webhook does it. Events about strangers' payments
are passed over, since they never get a record: most page by page, by their metadata, and refunds and disputes
slice by slice, by the intents that our charges have recorded. The cursor moves on after each slice whose
events are all recorded or queued. So a crash, a time-out or a refusal anywhere means that the slice is read
again, but never loses an event. Everything may be done twice, and by two runs at once.

Each event is looked at twice, at once and when it is an hour old, each time from a cursor of its own. So no
rate of events stops a run from getting ahead of the run before it.

A cursor belongs to a group of event types, by their digest. A newly handled type makes another group, which
begins where Stripe's list begins. Payments are a group of their own: a busy account has thousands of
strangers', and they must not hold up what the consents need.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from mandates.core.clock import Clock, Instant, rfc3339
from mandates.core.stripe_events.projection import (
    HANDLED_TYPES,
    is_foreign_payment,
    is_of_payments,
    project,
)
from mandates.gateway.client import Gateway
from mandates.gateway.events import EVENTS_LISTED_SECONDS, EVENTS_PER_PAGE
from mandates.runtime.deadline import TimeLeft
from mandates.runtime.queues import Queue
from mandates.store.event_cursors import advance_cursor, read_positions
from mandates.store.events import recorded
from mandates.webhooks.receiving import message_of
from mandates.webhooks.strangers import strangers_of

MOST_TYPES = 20  # in one request: https://docs.stripe.com/api/events/list

SECOND_LOOK_SECONDS = 3600
"""Each event is looked at again when it is this old. It may have been listed later than it was made, and a
queued event may have got no record."""

PAYMENTS_BACK_SECONDS = 86_400
"""How far back payments are read at first. A stack that has never read them has just begun to charge, and a
charge that is not final asks Stripe for its intent by itself. 30 days of strangers' payments would take days
to read."""

ON_THEIR_WAY_SECONDS = 600
"""A younger event's webhook may still be on its way. The event is queued all the same, which does no harm,
and is not counted as a gap."""

FIRST_SLICE_SECONDS = 7200  # so that a run without news is one request
MOST_PER_SLICE = 20 * EVENTS_PER_PAGE
"""A slice with more events is given up for a shorter one, so that a slice is read in seconds. It is given up
at once if its first pages bring so many that there must be far more."""

MOST_WAITING = 10_000
"""If this many events are queued, no more are added: about a minute's work for the queue's five workers. So
events that Stripe delivers wait no longer than that, and a waiting event is not queued again and again."""

STOP_BEFORE_SECONDS = 120
"""A run must have this much time left for another request: one to Stripe of 21 s at worst, a slice to look up
and to queue, and then the sweep (setup/sweep.py)."""

CLOCKS_APART_SECONDS = 60

ListedEvent = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Types of event that are listed together. `first_back` is how far back the first run reads, in
    seconds."""

    types: tuple[str, ...]
    first_back: int

    @property
    def cursor(self) -> str:
        return group_of(self.types)

    @property
    def second_cursor(self) -> str:
        return f"{self.cursor}-second"


@dataclass(slots=True)
class _Look:
    """One of the two looks at a group's events. All before `position` (epoch seconds) had it."""

    cursor: str
    types: tuple[str, ...]
    position: int


@dataclass(slots=True)
class Slice:
    """What was listed of [start, stop), in epoch seconds: how many events, and those that may be ours, by
    their metadata."""

    start: int
    stop: int
    listed: int = 0
    ours: list[ListedEvent] = field(default_factory=list)


class _TooMany(Exception):
    """The slice has more events than it may have. A slice of `seconds` would have half as many as it may."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class WrongMode(Exception):
    pass


@dataclass(slots=True)
class Found:
    """`foreign` counts those of `listed` that are about somebody else's payments, and `gap` those of
    `missing` that are older than ten minutes. `out_of_reach` counts the groups whose cursor was older than
    Stripe's list. `lag_seconds` is how far the oldest cursor is behind now, where the second look's cursors
    count from an hour ago; None if no cursor could be read.
    `stopped` says why the list was not read to its end, with the error if there was one."""

    listed: int = 0
    foreign: int = 0
    missing: int = 0
    gap: int = 0
    queued: int = 0
    not_taken: int = 0
    out_of_reach: int = 0
    lag_seconds: int | None = None
    stopped: str | None = None
    error: Exception | None = None

    @property
    def is_complete(self) -> bool:
        return self.stopped is None and self.not_taken == 0


class _Stop(Exception):
    """Stop for now. The message says why."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """`livemode` and `owner_mark` are the stack's. With `since` (epoch seconds) it begins there instead of at
    the cursor, and looks at nothing a second time. The cursor then moves only if nothing is left out between
    the two. With `dry_run` nothing is queued and no cursor moves. `say` gets a line for each slice."""

    gateway: Gateway
    queue: Queue
    livemode: bool
    owner_mark: str
    clock: Clock
    time_left: TimeLeft
    since: int | None = None
    dry_run: bool = False
    say: Callable[[str], object] = lambda _line: None

    def run(self, types: Sequence[str] = HANDLED_TYPES) -> Found:
        """Never raises. The result says what went wrong, and what was done until then."""
        found = Found()
        now = Instant(self.clock()).seconds
        looks: list[tuple[_Look, _Look]] = []
        try:
            if self.gateway.livemode is not None:
                self._check_mode(self.gateway.livemode)
            looks += self._looks(groups_of(types), now, found)
            for first, second in looks:
                # Only what an earlier run has seen: this one's events are queued and have no record yet.
                seen_until = min(first.position, now - SECOND_LOOK_SECONDS)
                start = first.position if self.since is None else self.since
                self._read(first, start, now + CLOCKS_APART_SECONDS, now, found)
                if self.since is None:
                    self._read(second, second.position, seen_until, now, found)
        except _Stop as stop:
            found.stopped = str(stop)
        except Exception as error:
            found.stopped, found.error = type(error).__name__, error
        if looks:
            seconds = [second.position + SECOND_LOOK_SECONDS for _, second in looks if self.since is None]
            found.lag_seconds = max(0, now - min([*(first.position for first, _ in looks), *seconds]))
        return found

    def _looks(self, groups: Sequence[Group], now: int, found: Found) -> Iterator[tuple[_Look, _Look]]:
        known = read_positions(name for group in groups for name in (group.cursor, group.second_cursor))
        for group in groups:
            position = known.get(group.cursor)
            first = _Look(group.cursor, group.types, _reachable(position, now, group.first_back, found))
            second = known.get(group.second_cursor)
            if second is None:
                # An hour before the first look stood. What is first seen when it is older needs no second.
                second = min(now if position is None else position, now) - SECOND_LOOK_SECONDS
                if not self.dry_run:
                    advance_cursor(group.second_cursor, second, group.types, Instant(self.clock()))
            yield first, _Look(group.second_cursor, group.types, max(second, now - EVENTS_LISTED_SECONDS))

    def _read(self, look: _Look, start: int, end: int, now: int, found: Found) -> None:
        start = max(start, now - EVENTS_LISTED_SECONDS)
        moves = start <= look.position and not self.dry_run
        all_taken = True
        for part in self._slices(look.types, start, end):
            # If the queue refuses an event, the cursor stays where it is, but later events are not held up.
            all_taken &= self._take(part, now, found)
            if all_taken and moves:
                look.position = max(look.position, min(part.stop, now))
                advance_cursor(look.cursor, look.position, look.types, Instant(self.clock()))

    def _slices(self, types: Sequence[str], start: int, end: int) -> Iterator[Slice]:
        """All of [start, end), oldest first. After a slice with few events the next is twice as long. One
        with too many is given up for a shorter one."""
        length = FIRST_SLICE_SECONDS
        while start < end:
            stop = min(start + length, end)
            try:
                part = self._listed(types, start, stop)
            except _TooMany as many:
                length = many.seconds
                continue
            yield part
            start = stop
            if part.listed < MOST_PER_SLICE // 2:
                length *= 2

    def _listed(self, types: Sequence[str], start: int, stop: int) -> Slice:
        """The events made in [start, stop), oldest first. Raises _TooMany."""
        part = Slice(start, stop)
        after = None
        while True:
            if self.time_left() < STOP_BEFORE_SECONDS:
                raise _Stop("time")
            page = self.gateway.events.list_page(types, created_from=start, created_before=stop, after=after)
            for event in page.events:
                self._check_mode(event["livemode"])
            part.listed += len(page.events)
            # Strangers' are not kept: a thousand events of Stripe's take megabytes.
            part.ours += [event for event in page.events if not is_foreign_payment(event, self.owner_mark)]
            if not page.has_more:
                part.ours.reverse()
                return part
            oldest = page.events[-1]
            seconds = max(1, stop - max(start, oldest["created"]))
            expected = part.listed * (stop - start) / seconds
            too_many = part.listed >= MOST_PER_SLICE or expected > 2 * MOST_PER_SLICE
            if too_many and stop - start > 1:
                raise _TooMany(max(1, seconds * MOST_PER_SLICE // (2 * part.listed)))
            after = oldest["id"]

    def _check_mode(self, livemode: bool) -> None:
        """The other mode's list lacks the events that we look for, and the cursor would move past them."""
        if livemode is not self.livemode:
            raise WrongMode("the API key is not for the mode in StripeLivemode: correct one of them")

    def _take(self, part: Slice, now: int, found: Found) -> bool:
        """Queue the events without a record. False if the queue did not accept all of them."""
        events = {event["id"]: project(event) for event in part.ours}
        strangers = strangers_of(events, self.owner_mark)
        ours = [event for event_id, event in events.items() if event_id not in strangers]
        known = recorded(event["id"] for event in ours)
        missing = [event for event in ours if event["id"] not in known]
        found.listed += part.listed
        found.foreign += part.listed - len(ours)
        found.missing += len(missing)
        found.gap += sum(event["created"] < now - ON_THEIR_WAY_SECONDS for event in missing)
        until = rfc3339(min(part.stop, now))
        self.say(f"{rfc3339(part.start)} to {until}: {part.listed} listed, {len(missing)} not recorded")
        if not missing or self.dry_run:
            return True
        if self.queue.length() > MOST_WAITING:
            raise _Stop("queue")
        taken = self.queue.send([message_of(event) for event in missing])
        found.queued += taken
        found.not_taken += len(missing) - taken
        return taken == len(missing)


def _reachable(position: int | None, now: int, first_back: int, found: Found) -> int:
    """The time before which everything has been read, as far as Stripe still lists it."""
    if position is None:
        return now - first_back
    oldest = now - EVENTS_LISTED_SECONDS
    if position < oldest:
        found.out_of_reach += 1
    return min(max(position, oldest), now)


def groups_of(types: Sequence[str]) -> list[Group]:
    """The types of the consents come first, and keep the cursor that release 0.1.0 left."""
    payments = [one for one in types if is_of_payments(one)]
    others = [one for one in types if not is_of_payments(one)]
    return [
        Group(some, back)
        for together, back in ((others, EVENTS_LISTED_SECONDS), (payments, PAYMENTS_BACK_SECONDS))
        for some in batched(sorted(together), MOST_TYPES, strict=False)
    ]


def group_of(types: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(types)).encode()).hexdigest()[:16]
