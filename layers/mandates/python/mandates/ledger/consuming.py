"""What a function does with a batch of its table's stream: publish, report, and ask for the rest again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.outward import OutwardEvent
from mandates.ledger.publishing import Publication, Publisher
from mandates.ledger.stream import added_entries
from mandates.runtime.telemetry import correlated, count, logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What is counted. `told` is for what an event tells: None if that is not counted."""

    published: str
    delayed: str
    set_aside: str
    told: Callable[[OutwardEvent], str | None]


def consume(
    records: Iterable[Mapping[str, Any]], publisher: Publisher, metrics: Metrics
) -> dict[str, list[dict[str, str]]]:
    """Lambda's answer: the first record that it is to deliver again, if any."""
    outcome = publisher.publish(added_entries(records))
    for published in outcome.published:
        _report(published, metrics)
    for refused in outcome.set_aside:
        with correlated(mandate_id=refused.added.mandate_id):
            logger.error("entry set aside", extra={"record": refused.added.record, "code": refused.code})
        count(metrics.set_aside)
    if outcome.resume_at is None:
        return {"batchItemFailures": []}
    count(metrics.delayed)
    logger.warning(
        "entries not published yet", extra={"resume_at": outcome.resume_at}, exc_info=outcome.error
    )
    return {"batchItemFailures": [{"itemIdentifier": outcome.resume_at}]}


def _report(published: Publication, metrics: Metrics) -> None:
    """Log the line that connects Stripe's event with a mandate or charge, and count what happened to it."""
    detail = published.event.detail
    ids = {name: detail[name] for name in ("mandate_id", "charge_id") if name in detail}
    with correlated(event_id=published.source, **ids):
        logger.info(
            "entry published", extra={"ledger_number": published.number, "told": published.event.type}
        )
    count(metrics.published)
    if name := metrics.told(published.event):
        count(name)
