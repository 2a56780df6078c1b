"""Logs and metrics, shared by all functions. No event, token, e-mail address or header is ever logged."""

import functools
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger()
_metrics = Metrics()

Handler = Callable[[Any, Any], Any]


def count(name: str, amount: int = 1) -> None:
    """Count a business event; it reaches CloudWatch when the invocation ends."""
    _metrics.add_metric(name=name, unit=MetricUnit.Count, value=amount)


def instrumented(handler: Handler) -> Handler:
    """A Lambda handler whose counts are emitted when it ends, and whose logs name the invocation.

    Powertools' own decorator warns in the log of every invocation that had nothing to count.
    """

    @functools.wraps(handler)
    def wrapped(event: Any, context: Any) -> Any:
        logger.append_keys(request_id=getattr(context, "aws_request_id", None))
        try:
            return handler(event, context)
        finally:
            if _metrics.provider.metric_set:
                _metrics.flush_metrics()

    return wrapped
