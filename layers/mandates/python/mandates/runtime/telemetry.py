"""Logs and metrics, shared by all functions. No event, token, e-mail address or header is ever logged.

The metrics are listed in docs/runbook.md. All have one dimension, `service`, whose value is the stack's name.
"""

import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from mandates.core.charging.ids import CHARGE_ID
from mandates.core.ids import MANDATE_ID
from mandates.core.visible import visible
from mandates.runtime.deadline import TimeLeft, invocation

_encoded = json.JSONEncoder(default=str, ensure_ascii=False, separators=(",", ":")).encode


def _line(document: Any) -> str:
    return visible(_encoded(document))


logger = Logger(
    # Powertools makes an encoder for each line, and first tries to parse the message as JSON.
    json_serializer=_line,
    json_deserializer=str,
)
metrics = Metrics()

Handler = Callable[[Any, Any], Any]

_IDS = {
    "event_id": re.compile(r"evt_[A-Za-z0-9_]{1,251}"),
    "mandate_id": MANDATE_ID,
    "charge_id": CHARGE_ID,
}
"""The keys by which log lines are found, and the only form of each. A path may hold anything, even a name."""

ALMOST_ALL = 0.8
"""Of a function's time-out. A slightly slower invocation would be ended by Lambda, and answer nobody."""


def count(name: str, amount: int = 1) -> None:
    """Count a business event. It reaches CloudWatch when the invocation ends."""
    measure(name, amount, MetricUnit.Count)


def measure(name: str, value: float, unit: MetricUnit) -> None:
    """Add one value to a distribution whose percentiles are kept. It is sent together with the counts."""
    metrics.add_metric(name=name, unit=unit, value=value)


def correlate(**ids: Any) -> None:
    """Name what the rest of this invocation is about: every log line carries `event_id`, `mandate_id`
    or `charge_id`.

    Anything that does not have the form of such an id is left out of the log.
    """
    logger.append_keys(**well_formed(ids))


@contextmanager
def correlated(**ids: Any) -> Iterator[None]:
    """The same for the lines logged inside, about one message of several. Don't nest it for the same id."""
    with logger.append_context_keys(**well_formed(ids)):
        yield


def well_formed(ids: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `event_id`, `mandate_id` and `charge_id` that may be logged. The others are not ids."""
    return {
        name: value for name, value in ids.items() if isinstance(value, str) and _IDS[name].fullmatch(value)
    }


def instrumented(handler: Handler) -> Handler:
    """A Lambda handler whose metrics are emitted when it ends, and whose logs name the invocation.

    An invocation of any function that took almost all of its time is counted and logged. Code that wants to
    stop before its time is over asks mandates.runtime.deadline.

    The keys that it added to the log are removed again: a container serves one invocation after the other.
    Powertools' own decorator logs a warning for every invocation that had nothing to count.
    """

    @functools.wraps(handler)
    def wrapped(event: Any, context: Any) -> Any:
        before = frozenset(logger.get_current_keys())
        logger.append_keys(request_id=getattr(context, "aws_request_id", None))
        given = _milliseconds_left(context)
        try:
            with invocation(_time_left(context)):
                return handler(event, context)
        finally:
            _count_if_almost_timed_out(given, context)
            logger.remove_keys(logger.get_current_keys().keys() - before)
            if metrics.provider.metric_set:
                metrics.flush_metrics()

    return wrapped


def _time_left(context: Any) -> TimeLeft:
    limited = hasattr(context, "get_remaining_time_in_millis")
    return lambda: _milliseconds_left(context) / 1000 if limited else math.inf


def _milliseconds_left(context: Any) -> int:
    """0 if there is no limit: that is not Lambda."""
    ask = getattr(context, "get_remaining_time_in_millis", None)
    return int(ask()) if ask else 0


def _count_if_almost_timed_out(given: int, context: Any) -> None:
    taken = given - _milliseconds_left(context)
    if given and taken >= ALMOST_ALL * given:
        count("AlmostTimedOut")
        logger.warning("took almost all of its time", extra={"milliseconds": taken, "of": given})
