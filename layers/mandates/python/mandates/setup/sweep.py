"""Mandates still pending after their session's life: what became of them is read from Stripe.

The events say it, as a rule; this is for those whose events are beyond reach, and for creations that crashed
before Stripe's answer was recorded, of which no event need ever tell. What Stripe says is contributed as the
same facts the webhook would have brought.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from mandates.core.changes import Contribution
from mandates.core.clock import Clock, Instant
from mandates.core.errors import MandatesError
from mandates.core.facts import Fact, Kind
from mandates.core.mandate import Mandate, Status, status
from mandates.gateway import Gateway, ResourceMissing
from mandates.ledger.contributing import contribute
from mandates.runtime.telemetry import correlated, logger
from mandates.setup.return_page import facts_about
from mandates.store.mandates import Due, due_to_be_swept, read_heads, sweep_later, sweep_no_more

SOURCE = "api:reconcile"

MOST_PER_RUN = 200
"""A minute, at 0.3 s each. That many in a quarter of an hour end unseen in an outage alone, and may wait."""

STOP_BEFORE_SECONDS = 45
"""What must be left of a run for another: at worst a call to Stripe of 21 s, and some to DynamoDB."""

MOST_FAILURES_IN_A_ROW = 3
"""Then it is not the mandates: Stripe is down, or the key is wrong."""

SHORTEST_PAUSE_SECONDS = 3600

EVENTS_LISTED_SECONDS = 30 * 86_400
"""As long as this, an event may still say what became of a session that Stripe says it does not know."""


@dataclass(slots=True)
class Swept:
    """`decided` are no longer pending; `undecided` and `failed`, by mandate id, are looked at again later,
    behind the others. `error` is the last failure."""

    due: int = 0
    decided: int = 0
    undecided: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_complete(self) -> bool:
        return self.error is None and self.decided + len(self.undecided) == self.due


@dataclass(frozen=True, slots=True)
class Sweeper:
    """With `dry_run` it is only counted what is due."""

    gateway: Gateway
    owner_mark: str
    clock: Clock
    time_left: Callable[[], float]
    dry_run: bool = False

    def run(self) -> Swept:
        """Never raises; one mandate that can't be swept leaves the others alone."""
        swept = Swept()
        in_a_row = 0
        try:
            due = due_to_be_swept(Instant(self.clock()).seconds, MOST_PER_RUN)
        except Exception as error:
            swept.error = error
            return swept
        swept.due = len(due)
        for one in [] if self.dry_run else due:
            if self.time_left() < STOP_BEFORE_SECONDS or in_a_row == MOST_FAILURES_IN_A_ROW:
                break
            try:
                self._sweep(one, swept)
                in_a_row = 0
            except Exception as error:
                _log(one.mandate_id, error)
                swept.failed.append(one.mandate_id)
                swept.error = error
                in_a_row += 1
        return swept

    def _sweep(self, due: Due, swept: Swept) -> None:
        try:
            head = read_heads([due.mandate_id]).get(due.mandate_id)
        except Exception:  # one that was altered can't be read, and must not stay first for ever
            sweep_later(due, Instant(self.clock()).seconds + SHORTEST_PAUSE_SECONDS)
            raise
        if head is None or status(head.facts) is not Status.PENDING:
            sweep_no_more(due)  # the index lags, or the write that decided it knew of no index
            swept.decided += 1
            return
        now = Instant(self.clock()).seconds
        try:
            facts = self._what_became_of(head, now)
            if facts:
                contribute(head.mandate_id, [Contribution(SOURCE, facts)], self.clock)
            head = read_heads([due.mandate_id])[due.mandate_id]
        except Exception:
            sweep_later(due, _again_at(head, now))
            raise
        if status(head.facts) is Status.PENDING:
            sweep_later(due, _again_at(head, now))
            swept.undecided.append(due.mandate_id)
        else:
            swept.decided += 1

    def _what_became_of(self, head: Mandate, now: int) -> tuple[Fact, ...]:
        if head.checkout_session_id is None:
            # Nobody was ever given its URL, and under its key it can't be created any more.
            return (_cancelled("creation_never_confirmed", now),)
        try:
            session = self.gateway.read_session(head.checkout_session_id)
        except ResourceMissing:
            # Neither does a key of another account. Should it be set up all the same, that counts more.
            long_ago = _age(head, now) > EVENTS_LISTED_SECONDS
            return (_cancelled("session_unknown_at_stripe", now),) if long_ago else ()
        return facts_about(head, session, self.owner_mark, SOURCE, now)


def _log(mandate_id: str, error: Exception) -> None:
    """Each by itself: the run raises the last one only."""
    expected = isinstance(error, MandatesError)
    with correlated(mandate_id=mandate_id):
        logger.warning(
            "mandate not swept yet",
            extra={"error": type(error).__name__},
            exc_info=None if expected else error,
        )


def _cancelled(reason: str, now: int) -> Fact:
    return Fact(Kind.SESSION_CANCELLED, now, SOURCE, detail={"reason": reason})


def _age(head: Mandate, now: int) -> int:
    return now - int(datetime.fromisoformat(head.created_at).timestamp())


def _again_at(head: Mandate, now: int) -> int:
    """After an hour, then after longer and longer: what can't be decided must not crowd out the rest."""
    return now + max(SHORTEST_PAUSE_SECONDS, _age(head, now) // 4)
