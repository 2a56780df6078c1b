"""What customers read about an order: every status and every reason of the API, in plain words."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.storefront.orders import Order, Payment
from mandates.core.currencies import EXPONENTS

_ZONE = ZoneInfo("America/New_York")  # of terms/example.yaml
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


@dataclass(frozen=True)
class Said:
    """`tone` is good, wait or problem. `short` is for lists. `set_up` offers to save Amazon Pay again."""

    tone: str
    short: str
    heading: str
    text: str
    set_up: bool = False


STATUSES = {
    "pending": Said(
        "wait", "Being charged", "We are charging your account", "This usually takes a few seconds."
    ),
    "processing": Said(
        "wait",
        "Waiting for Amazon Pay",
        "Amazon Pay is still deciding",
        "This can take days. We ship your order once it is paid.",
    ),
    "retrying": Said(
        "wait",
        "To be tried again",
        "Amazon Pay declined for now",
        "We try again on {retry}. You need not do anything; we ship your order once it is paid.",
    ),
    "needs_customer": Said(
        "problem",
        "Needs you",
        "Amazon Pay needs you",
        "Please look at the payment methods in your Amazon account. Until then we can't charge this order, "
        "and we don't ship it.",
    ),
    "succeeded": Said("good", "Paid", "Thank you, it is paid", "We roast on Tuesday and ship the same day."),
    "failed": Said("problem", "Not paid", "It was not paid", "No money was taken, and nothing ships."),
    "canceled": Said(
        "problem", "Cancelled", "This order was cancelled", "No money was taken, and nothing ships."
    ),
}

END_REASONS = {
    "declined": "Amazon Pay declined the payment.",
    "not_permitted": "Your permission did not allow another attempt in time.",
    "overdue": "The payment was not completed in time.",
    "withdrawn": "You withdrew the permission for your Amazon Pay account.",
    "canceled": "The payment was called off.",
}

REASONS = {
    "mandate_not_active": "Saving your Amazon Pay account is not finished, or took too long.",
    "mandate_revoked": "The permission for your Amazon Pay account was withdrawn.",
    "disputed": "A payment from your account is in dispute. We can charge it again once that is decided.",
    "return_not_seen": "Nobody came back from Amazon Pay to finish saving your account.",
    "currency_not_agreed": "Your permission is for another currency.",
    "amount_not_agreed": "Your permission is for another amount.",
    "above_charge_limit": "The total is above the most that you allow for one order.",
    "above_period_limit": "The total is above what is left of the most that you allow for this period.",
    "too_frequent": "Your permission allows one payment in this period, and there was one.",
    "one_time_already_used": "Your permission was for one payment, and there was one.",
    "before_start": "Your permission has not begun yet.",
    "after_end": "Your permission has ended.",
    "notice_required": "We promised to tell you the amount before we charge it, and have not done so yet.",
    "in_progress": "This order is already being charged.",
    "already_charged": "This order is already paid.",
    "too_many_attempts": "Amazon Pay declined too many payments today.",
    "charging_paused": "We have paused all payments for now. Please try again later.",
}

_SET_UP_AGAIN = {
    "mandate_not_active",
    "mandate_revoked",
    "one_time_already_used",
    "after_end",
    "return_not_seen",
}
_NOT_NOW = Said(
    "problem",
    "Not charged",
    "We could not charge this order",
    "Something is wrong on our side. Nothing was charged, and nothing ships.",
)
_UNKNOWN = Said(
    "wait",
    "To be found out",
    "We are finding out about your payment",
    "The connection failed at the wrong moment. You can leave this page: this order is never charged twice.",
)


def said_of(order: Order) -> Said:
    if order.payment is Payment.UNKNOWN:
        return _UNKNOWN
    if order.payment is Payment.REFUSED:
        return _refusal(order.problem)
    return _of_charge(order.charge)


def money(amount: int, currency: str) -> str:
    """Of minor units, in the currency's own digits: $24.00, ¥500."""
    digits = EXPONENTS[currency]
    number = f"{amount / 10**digits:,.{digits}f}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{number}" if symbol else f"{number} {currency.upper()}"


def day(moment: datetime | str) -> str:
    """December 1, 2026, where the shop is."""
    when = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(_ZONE)
    return f"{when:%B} {when.day}, {when.year}"


def _of_charge(charge: dict[str, Any]) -> Said:
    said = STATUSES[charge["status"]]
    text = said.text.format(retry=day(charge["will_retry_at"]) if charge["will_retry_at"] else "another day")
    why = END_REASONS.get(charge["end_reason"] or "")
    if charge["refunded"]:
        text = (
            f"{money(charge['refunded'], charge['currency'])} of it was paid back to you, or is on its way."
        )
    return replace(said, text=f"{why} {text}" if why else text, set_up=charge["end_reason"] == "withdrawn")


def _refusal(problem: dict[str, Any]) -> Said:
    reasons = problem.get("reasons") or []
    if not reasons:
        return _NOT_NOW
    text = " ".join(REASONS[reason] for reason in reasons)
    if problem.get("earliest"):
        text += f" It is possible from {day(problem['earliest'])}."
    return Said(
        "problem",
        "Not charged",
        "We did not charge this order",
        text,
        set_up=bool(_SET_UP_AGAIN & set(reasons)),
    )
