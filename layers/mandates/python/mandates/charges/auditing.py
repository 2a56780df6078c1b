"""Compares Stripe's books with our charges, in both directions, from durable cursors.

Each look (auditing_looks.py) reads a list in slices of time, oldest first. A page's suspects are examined at
once (auditing_suspects.py). The cursor moves on after each slice. So a run that is stopped anywhere reads one
slice twice, and loses nothing. Everything may be done twice, and by two runs at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mandates.charges.auditing_looks import DAY, HOUR, Look, Looks, NotReady
from mandates.charges.auditing_suspects import Examined, Examiner
from mandates.core.charging.audit import Suspect
from mandates.core.clock import Clock, Instant, rfc3339
from mandates.core.errors import Busy, LedgerUnreadable
from mandates.gateway.client import Gateway
from mandates.runtime.deadline import TimeLeft
from mandates.runtime.telemetry import logger
from mandates.store.differences import open_differences
from mandates.store.dynamodb import StoreError
from mandates.store.event_cursors import advance_cursor, read_positions
from mandates.store.raw_items import ALTERED_ITEMS_RAISE

FIRST_BACK_SECONDS = DAY
"""How far back a look begins the first time. To begin earlier: `ops charges audit --since`."""

FIRST_SLICE_SECONDS = 7_200  # so that a run without news is one request for each list
MOST_PER_SLICE = 2_000
"""A slice with more items is given up for a shorter one, so that a slice is read in a minute or two."""

STOP_BEFORE_SECONDS = 60
"""A run must have this much time left for another page or another suspect: about five calls to Stripe, which
take seconds, and rarely one of 21 s."""


class WrongMode(Exception):
    pass


class _TooMany(Exception):
    """The slice has more items than it may have."""


class _Stop(Exception):
    """Stop this look for now. The message says why."""


@dataclass(slots=True)
class Audited:
    """What a run did. `ours` and `strangers` count the lists' items, `suspects` what was examined. `new`
    differences were not known before, `recovered` ones were fixed at once. `standing` is how many are open at
    the end of the run; None if they were not counted.

    `lag_seconds` is how far behind the slowest look is, apart from those that wait for Stripe; None if no
    cursor could be read.
    `stopped` says by look why its list was not read to the end. `failed` are charges that could not be
    examined, and `error` is the first failure.
    """

    ours: int = 0
    strangers: int = 0
    suspects: int = 0
    new: int = 0
    recovered: int = 0
    resolved: int = 0
    canceled: int = 0
    followed_up: int = 0
    standing: int | None = None
    lag_seconds: int | None = None
    stopped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    error: Exception | None = None

    def add(self, examined: Examined) -> None:
        self.suspects += 1
        self.new += examined.new
        self.recovered += len(examined.recovered)
        self.resolved += examined.resolved
        self.canceled += examined.canceled
        self.followed_up += examined.followed_up

    def failed_with(self, where: str, error: Exception) -> None:
        self.stopped[where] = type(error).__name__
        self.error = self.error or error

    @property
    def is_complete(self) -> bool:
        return not (self.stopped or self.failed)


@dataclass(slots=True)
class Auditor:
    """`livemode` and `owner_mark` are the stack's. With `since` (epoch seconds) all looks begin there and
    read up to now, and no cursor moves. `say` gets a line for each slice. An auditor makes one run."""

    gateway: Gateway
    livemode: bool
    owner_mark: str
    clock: Clock
    time_left: TimeLeft
    since: int | None = None
    say: Callable[[str], object] = lambda _line: None
    _audited: Audited = field(default_factory=Audited, init=False)
    _examined: set[Suspect] = field(default_factory=set, init=False)

    def run(self) -> Audited:
        """Never raises. The result says what went wrong, and what was done until then."""
        audited, now = self._audited, Instant(self.clock()).seconds
        lists = Looks(self.gateway, self.owner_mark, self.clock)
        looks = lists.all() if self.since is None else lists.once()
        try:
            self._check_mode()
            positions = read_positions(look.cursor for look in looks)
            self._examine_again(self._share(len(looks) + 1))
        except _Stop as stop:
            audited.stopped["differences"] = str(stop)
        except Exception as error:
            audited.failed_with("differences", error)
            return audited
        behind = [
            self._take(look, positions.get(look.cursor), now, self._share(len(looks) - number))
            for number, look in enumerate(looks)
        ]
        audited.lag_seconds = max(behind) if self.since is None else None
        try:
            audited.standing = sum(1 for _ in open_differences())
        except StoreError as error:
            audited.failed_with("differences", error)
        return audited

    def _check_mode(self) -> None:
        """The other mode's lists lack all that is ours, and the cursors would move past it."""
        if self.gateway.livemode not in {None, self.livemode}:
            raise WrongMode("the API key is not for the mode in StripeLivemode: correct one of them")

    def _share(self, looks: int) -> float:
        """The next look may go on until this much time is left, if so many are still to be taken. So none
        keeps the others from being taken, and time that one leaves is the others'."""
        left = self.time_left()
        return max(STOP_BEFORE_SECONDS, left - (left - STOP_BEFORE_SECONDS) / looks)

    def _check_time(self, until: float) -> None:
        if self.time_left() < until:
            raise _Stop("time")

    # ---------------------------------------------------------------------------------- one look

    def _take(self, look: Look, position: int | None, now: int, until: float) -> int:
        """Returns how many seconds are left to be read."""
        start, end = self._span(look, position, now)
        behind = end - start
        try:
            for stop in self._slices(look, start, end, until):
                behind = end - stop
                if self.since is None:
                    advance_cursor(look.cursor, stop, (), Instant(self.clock()))
        except NotReady as stopped:
            self._audited.stopped[look.cursor] = str(stopped)
            return 0  # Stripe has to complete it, and UNRECONCILED_SECONDS limit the wait
        except _Stop as stopped:
            self._audited.stopped[look.cursor] = str(stopped)
        except Exception as error:
            self._audited.failed_with(look.cursor, error)
        return behind

    def _span(self, look: Look, position: int | None, now: int) -> tuple[int, int]:
        end = now - look.lag if self.since is None else now + 1
        start = (
            (end - FIRST_BACK_SECONDS if position is None else position) if self.since is None else self.since
        )
        if look.whole_hours:
            end -= end % HOUR
            start = max(start - start % HOUR, end - DAY) if self.since is None else end - DAY
        return min(start, end), end

    def _slices(self, look: Look, start: int, end: int, until: float) -> Iterator[int]:
        """Reads [start, end) in slices, and gives the end of each. After a slice with few items the next is
        twice as long. One with too many is given up for a shorter one."""
        shortest = HOUR if look.whole_hours else 1
        length = max(FIRST_SLICE_SECONDS, shortest)
        while start < end:
            stop = min(start + length, end)
            try:
                items = self._read(
                    look, start, stop, until, most=MOST_PER_SLICE if length > shortest else None
                )
            except _TooMany:
                length = max(shortest, length // 4 // shortest * shortest)
                continue
            yield stop
            self.say(f"{look.cursor.removeprefix('audit-')}: {items} until {rfc3339(stop)}")
            start = stop
            if items < MOST_PER_SLICE // 2:
                length *= 2

    def _read(self, look: Look, start: int, stop: int, until: float, *, most: int | None) -> int:
        """Returns how many items the slice has. Raises _TooMany."""
        ours = strangers = 0
        pages = look.pages(start, stop)
        while True:
            self._check_time(until)
            looked = next(pages, None)
            if looked is None:
                break
            ours += looked.ours
            strangers += looked.strangers
            if most is not None and ours + strangers > most:
                raise _TooMany
            for suspect in looked.suspects:
                self._examine(suspect, until)
        self._audited.ours += ours
        self._audited.strangers += strangers
        return ours + strangers

    # ---------------------------------------------------------------------------------- suspects

    def _examine_again(self, until: float) -> None:
        """Examine the open differences again, beginning with the one that was seen longest ago."""
        for named in sorted(open_differences(), key=lambda one: one.last_seen):
            self._examine(Suspect(named.difference.charge_id, named.difference.payment_intent_id), until)

    def _examine(self, suspect: Suspect, until: float) -> None:
        """Once in a run. A charge that can't be examined must not hold up the others."""
        if suspect in self._examined:
            return
        self._check_time(until)
        try:
            self._audited.add(Examiner(self.gateway, self.clock).examine(suspect))
        except (Busy, LedgerUnreadable, *ALTERED_ITEMS_RAISE) as error:
            logger.exception("a charge could not be audited", extra={"charge_id": suspect.charge_id})
            self._audited.failed.append(suspect.charge_id)
            self._audited.error = self._audited.error or error
        self._examined.add(suspect)
