"""Queues the charges that are due.

A queued charge is due again only after LEASE_SECONDS, so it is in the queue once at a time. Whoever looks at
it in between makes it due when its next step is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched

from mandates.core.charging.messages import DueMessage
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import logger
from mandates.store.charges import DueCharge, due_charges, look_later

LEASE_SECONDS = 3_600
"""How long the charge belongs to one message, which is received about eight times in that time
(gateway/politeness.py). After that another message takes over, and the first one is dropped."""

MOST_PER_SHARD = 125
"""About as many as the consumer looks at in a minute: two workers, four calls a second each. The rest waits
for the next run, longest due first."""

_MOST_PER_CALL = 10


@dataclass(frozen=True, slots=True)
class Queueing:
    """How many charges were due and how many were queued; since when the longest is due (epoch seconds), and
    what went wrong."""

    due: int
    queued: int
    longest: int | None
    error: Exception | None = None


def queue_due(queue: Queue, now: int) -> Queueing:
    """Queue what is due at `now` (epoch seconds). Stops at the first failure: the next run goes on.

    The charge is leased first. A crash in between makes it wait for LEASE_SECONDS; the other way round, its
    consumer might look at it before it is leased.
    """
    due = due_charges(now, MOST_PER_SHARD)
    longest, queued = (due[0].due_at if due else None), 0
    for some in batched(due, _MOST_PER_CALL, strict=False):
        try:
            taken = _lease_and_send(some, queue, now + LEASE_SECONDS)
        except Exception as error:
            return Queueing(len(due), queued, longest, error)
        queued += taken
        if taken < len(some):
            break
    return Queueing(len(due), queued, longest)


def _lease_and_send(some: Sequence[DueCharge], queue: Queue, until: int) -> int:
    """If the queue does not accept all of them, all are due again at once."""
    for one in some:
        look_later(one, until)
    taken, messages = 0, [DueMessage(one.charge_id, one.due_at, until).text for one in some]
    try:
        taken = queue.send(messages)
    finally:
        if taken < len(some):
            logger.warning("due charges not queued yet", extra={"taken": taken, "of": len(some)})
            for one in some:
                look_later(DueCharge(one.charge_id, until), one.due_at)
    return taken
