"""Asks Stripe what became of mandates that are still pending after their session's life.

As a rule the events say it. This is for mandates whose events are out of reach, and for creations that
crashed before Stripe's answer was recorded, about which no event need ever come. What Stripe says is
contributed as the same facts that the webhook would have brought.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mandates.core.changes import Contribution
from mandates.core.clock import Clock, Instant
from mandates.core.errors import MandatesError
from mandates.core.facts import Fact, Kind
from mandates.core.mandate import Mandate, Status, status
from mandates.core.stripe_sessions import facts_about
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.gateway.error_mapping import ResourceMissing
from mandates.gateway.events import EVENTS_LISTED_SECONDS
from mandates.ledger.contributing import contribute
from mandates.runtime.telemetry import correlated, logger
from mandates.store.mandates import Due, due_to_be_swept, read_heads, sweep_later, sweep_no_more

SOURCE = "api:reconcile"

MOST_PER_RUN = 200
"""A minute, at 0.3 s each. Only in an outage do so many end unseen in a quarter of an hour, and may wait."""

STOP_BEFORE_SECONDS = 45
"""The time a run must have left for another mandate: at worst 21 s at Stripe, and calls to DynamoDB."""

MOST_FAILURES_IN_A_ROW = 3
"""After these the mandates are not at fault: Stripe is down, or the key is wrong."""

SHORTEST_PAUSE_SECONDS = 3600


@dataclass(slots=True)
class Swept:
    """`decided` mandates are no longer pending. `undecided` and `failed` ones, by mandate id, are tried again
    later, after the others. `error` is the last failure."""

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
    """With `dry_run` it only counts the mandates that are due."""

    sessions: StripeCheckoutSessions
    owner_mark: str
    clock: Clock
    time_left: Callable[[], float]
    dry_run: bool = False

    def run(self) -> Swept:
        """Never raises. A mandate that can't be swept does not affect the others."""
        swept = Swept()
        try:
            due = due_to_be_swept(Instant(self.clock()).seconds, MOST_PER_RUN)
        except Exception as error:
            swept.error = error
            return swept
        swept.due = len(due)
        if not self.dry_run:
            self._sweep_all(due, swept)
        return swept

    def _sweep_all(self, due: Sequence[Due], swept: Swept) -> None:
        in_a_row = 0
        for one in due:
            if self.time_left() < STOP_BEFORE_SECONDS or in_a_row == MOST_FAILURES_IN_A_ROW:
                return
            try:
                self._sweep(one, swept)
                in_a_row = 0
            except Exception as error:
                _log(one.mandate_id, error)
                swept.failed.append(one.mandate_id)
                swept.error = error
                in_a_row += 1

    def _sweep(self, due: Due, swept: Swept) -> None:
        head = self._read_head(due)
        if head is None or status(head.facts) is not Status.PENDING:
            sweep_no_more(due)  # the index lags, or the write that decided it did not know the index
            swept.decided += 1
        elif self._is_decided_by_stripe(due, head):
            swept.decided += 1
        else:
            swept.undecided.append(due.mandate_id)

    def _read_head(self, due: Due) -> Mandate | None:
        try:
            return read_heads([due.mandate_id]).get(due.mandate_id)
        except Exception:  # an altered mandate can't be read, and must not stay first forever
            sweep_later(due, Instant(self.clock()).seconds + SHORTEST_PAUSE_SECONDS)
            raise

    def _is_decided_by_stripe(self, due: Due, head: Mandate) -> bool:
        """Contribute what Stripe says. A mandate that stays pending is swept again later, and so is one that
        fails.
        """
        now = Instant(self.clock()).seconds
        try:
            facts = self._what_became_of(head, now)
            if facts:
                contribute(head.mandate_id, [Contribution(SOURCE, facts)], self.clock)
            decided = status(read_heads([due.mandate_id])[due.mandate_id].facts) is not Status.PENDING
        except Exception:
            sweep_later(due, _again_at(head, now))
            raise
        if not decided:
            sweep_later(due, _again_at(head, now))
        return decided

    def _what_became_of(self, head: Mandate, now: int) -> tuple[Fact, ...]:
        if head.checkout_session_id is None:
            # Nobody ever got its URL, and under its key it can't be created any more.
            return (_cancelled("creation_never_confirmed", now),)
        try:
            session = self.sessions.retrieve(head.checkout_session_id)
        except ResourceMissing:
            # As long as events are listed, one may still say what became of it. A key of another account does
            # not know it either. A later set-up still counts more.
            long_ago = _age(head, now) > EVENTS_LISTED_SECONDS
            return (_cancelled("session_unknown_at_stripe", now),) if long_ago else ()
        return facts_about(head, session, owner_mark=self.owner_mark, source=SOURCE, now=now)


def _log(mandate_id: str, error: Exception) -> None:
    """Log each separately: the run raises only the last one."""
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
    """After an hour, then at growing intervals: undecidable mandates must not crowd out the rest."""
    return now + max(SHORTEST_PAUSE_SECONDS, _age(head, now) // 4)
