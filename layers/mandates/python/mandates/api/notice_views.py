"""Notices as the API shows them."""

from typing import Any

from mandates.core.charging.cover import cover
from mandates.core.charging.notice import Notice
from mandates.core.clock import rfc3339
from mandates.core.terms import Terms


def notice_view(notice: Notice, mandate_id: str, terms: Terms, *, for_service: bool) -> dict[str, Any]:
    """`terms` are those that were agreed to. Only a service sees which client recorded the notice."""
    covered = cover(notice.day, notice.known_from, terms)
    return {
        "notice_id": notice.notice_id,
        "mandate_id": mandate_id,
        "amount": notice.amount,
        "currency": notice.currency,
        "date": notice.day.isoformat(),
        "reference": notice.reference,
        "recorded_at": notice.recorded_at,
        "charge_from": rfc3339(covered.start),
        "charge_until": rfc3339(covered.end),
        "charge_id": min(notice.charge_ids, default=None),
        **({"recorded_by": notice.actor} if for_service else {}),
    }
