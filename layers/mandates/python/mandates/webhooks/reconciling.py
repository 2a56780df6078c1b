"""Finds events that Stripe's webhooks did not bring in Stripe's own list, and queues them as if they had.

Stripe gives up a webhook after three days, and stops at once if its endpoint is disabled. Its list of events
goes back 30 days. So the list is read from a durable cursor, in slices of time, oldest first. Any event
without a record here is queued, reduced exactly as receive_webhook does it. Events about payments that this
stack did not make are passed over, since they never get a record. The cursor moves on after each slice whose
events are all recorded or queued. So a crash, a time-out or a refusal anywhere means that the slice is read
again, but never loses an event. Everything may be done twice, and by two runs at once.

A cursor belongs to a group of event types, by their digest. A newly handled type makes another group, which
begins where Stripe's list begins.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from mandates.core.clock import Clock, Instant, rfc3339
from mandates.core.stripe_events.projection import HANDLED_TYPES, is_foreign_payment
from mandates.gateway.client import Gateway
from mandates.gateway.events import EVENTS_LISTED_SECONDS, EVENTS_PER_PAGE
from mandates.runtime.deadline import TimeLeft
from mandates.runtime.queues import Queue
from mandates.store.event_cursors import advance_cursor, read_position
from mandates.store.events import recorded
from mandates.webhooks.receiving import message_of

MOST_TYPES = 20  # in one request: https://docs.stripe.com/api/events/list

OVERLAP_SECONDS = 3600
"""This much is read again each time. An event may be listed later than it was made, and a queued event may
not have a record yet."""

ON_THEIR_WAY_SECONDS = 600
"""A younger event's webhook may still be on its way. The event is queued all the same, which does no harm,
and is not counted as a gap."""

FIRST_SLICE_SECONDS = 7200  # so that a run without news is one request
MOST_PER_SLICE = 20 * EVENTS_PER_PAGE
"""A slice with more events is halved, so that a slice is read in seconds and takes a few megabytes."""

MOST_WAITING = 10_000
"""If this many events are queued, no more are added: about a minute's work for the queue's five workers. So
events that Stripe delivers wait no longer than that, and a waiting event is not queued again and again."""

STOP_BEFORE_SECONDS = 120
"""A run must have this much time left for another request: one to Stripe of 21 s at worst, a slice to look up
and to queue, and then the sweep (setup/sweep.py)."""

CLOCKS_APART_SECONDS = 60

ListedEvent = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Slice:
    """The events that were made in [start, stop), in epoch seconds; oldest first."""

    start: int
    stop: int
    events: Sequence[ListedEvent]


class WrongMode(Exception):
    pass


@dataclass(slots=True)
class Found:
    """`foreign` counts those of `listed` that are about somebody else's payments, and `gap` those of
    `missing` that are older than ten minutes. `out_of_reach` counts the groups whose cursor was older than
    Stripe's list. `lag_seconds` is how far the last cursor is behind now; None if none could be read.
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
    the cursor. The cursor then moves only if nothing is left out between the two. With `dry_run` nothing is
    queued and no cursor moves. `say` gets a line for each slice."""

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
        cursors: dict[str, int] = {}
        try:
            if self.gateway.livemode is not None:
                self._check_mode(self.gateway.livemode)
            groups = {group_of(some): some for some in batched(sorted(types), MOST_TYPES, strict=False)}
            known = {group: read_position(group) for group in groups}
            cursors |= {group: _reachable(position, now, found) for group, position in known.items()}
            for group, some in groups.items():
                self._read(group, some, cursors, now, found)
        except _Stop as stop:
            found.stopped = str(stop)
        except Exception as error:
            found.stopped, found.error = type(error).__name__, error
        if cursors:
            found.lag_seconds = now - min(cursors.values())
        return found

    def _read(
        self, group: str, types: tuple[str, ...], cursors: dict[str, int], now: int, found: Found
    ) -> None:
        begin = cursors[group] - OVERLAP_SECONDS if self.since is None else self.since
        start = max(begin, now - EVENTS_LISTED_SECONDS)
        moves = start <= cursors[group] and not self.dry_run
        all_taken = True
        for part in self._slices(types, start, now + CLOCKS_APART_SECONDS):
            # If the queue refuses an event, the cursor stays where it is, but later events are not held up.
            all_taken &= self._take(part, now, found)
            if all_taken and moves:
                cursors[group] = max(cursors[group], min(part.stop, now))
                advance_cursor(group, cursors[group], types, Instant(self.clock()))

    def _slices(self, types: Sequence[str], start: int, end: int) -> Iterator[Slice]:
        """All of [start, end), oldest first. A slice with too many events is halved, and after one with few
        the next is twice as long."""
        length = FIRST_SLICE_SECONDS
        while start < end:
            stop = min(start + length, end)
            events = self._listed(types, start, stop)
            if events is None:
                length = (stop - start) // 2
                continue
            yield Slice(start, stop, events)
            start = stop
            if len(events) < MOST_PER_SLICE // 2:
                length *= 2

    def _listed(self, types: Sequence[str], start: int, stop: int) -> list[ListedEvent] | None:
        """The events made in [start, stop), oldest first; None if there are more than a slice should have."""
        events: list[ListedEvent] = []
        after = None
        while True:
            if self.time_left() < STOP_BEFORE_SECONDS:
                raise _Stop("time")
            page = self.gateway.events.list_page(types, created_from=start, created_before=stop, after=after)
            events += page.events
            for event in page.events:
                self._check_mode(event["livemode"])
            if not page.has_more:
                return events[::-1]
            if len(events) >= MOST_PER_SLICE and stop - start > 1:
                return None
            after = page.events[-1]["id"]

    def _check_mode(self, livemode: bool) -> None:
        """The other mode's list lacks the events that we look for, and the cursor would move past them."""
        if livemode is not self.livemode:
            raise WrongMode("the API key is not for the mode in StripeLivemode: correct one of them")

    def _take(self, part: Slice, now: int, found: Found) -> bool:
        """Queue the events without a record. False if the queue did not accept all of them."""
        ours = [event for event in part.events if not is_foreign_payment(event, self.owner_mark)]
        known = recorded(event["id"] for event in ours)
        missing = [event for event in ours if event["id"] not in known]
        found.listed += len(part.events)
        found.foreign += len(part.events) - len(ours)
        found.missing += len(missing)
        found.gap += sum(event["created"] < now - ON_THEIR_WAY_SECONDS for event in missing)
        until = rfc3339(min(part.stop, now))
        self.say(f"{rfc3339(part.start)} to {until}: {len(part.events)} listed, {len(missing)} not recorded")
        if not missing or self.dry_run:
            return True
        if self.queue.length() > MOST_WAITING:
            raise _Stop("queue")
        taken = self.queue.send([message_of(event) for event in missing])
        found.queued += taken
        found.not_taken += len(missing) - taken
        return taken == len(missing)


def _reachable(position: int | None, now: int, found: Found) -> int:
    """The time before which everything has been read, as far as Stripe still lists it."""
    oldest = now - EVENTS_LISTED_SECONDS
    if position is None:
        return oldest
    if position < oldest:
        found.out_of_reach += 1
    return min(max(position, oldest), now)


def group_of(types: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(types)).encode()).hexdigest()[:16]
