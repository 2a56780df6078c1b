"""What customers read about an order, in their language: every status and every reason of the API."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.storefront.languages import ENGLISH, translator
from local.storefront.orders import Order, Payment
from mandates.core.currencies import EXPONENTS

_ZONE = ZoneInfo("America/New_York")  # of terms/example.yaml
_GERMAN_MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
_POINT_AND_COMMA = str.maketrans(",.", ".,")
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
        "Will be tried again",
        "Amazon Pay declined for now",
        "We try again on {retry}. You need not do anything; we ship your order once it is paid.",
    ),
    "needs_customer": Said(
        "problem",
        "Action needed",
        "Please check your Amazon account",
        "Please look at the payment methods in your Amazon account. Until then, nothing ships.",
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
    "canceled": "The payment was cancelled.",
}

REASONS = {
    "mandate_not_active": "Saving your Amazon Pay account is not finished, or took too long.",
    "mandate_revoked": "The permission for your Amazon Pay account was withdrawn.",
    "disputed": "A payment from your account is in dispute. We can charge it again once that is decided.",
    "return_not_seen": "You were not seen coming back from Amazon Pay to finish saving your account.",
    "currency_not_agreed": "Your permission is for another currency.",
    "amount_not_agreed": "Your permission is for another amount.",
    "above_charge_limit": "The total is above your limit for one order.",
    "above_period_limit": "The total is above what is left of your limit for this period.",
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
REFUNDED = "{refunded} has been refunded to you, or is on its way."
EARLIEST = "It is possible from {earliest}."
REFUSED = Said(
    "problem", "Not charged", "We did not charge this order", "No money was taken, and nothing ships."
)
NOT_NOW = Said(
    "problem",
    "Not charged",
    "We could not charge this order",
    "Something is wrong on our side. Nothing was charged, and nothing ships.",
)
UNKNOWN = Said(
    "wait",
    "Being checked",
    "We are checking your payment",
    "The connection failed at the wrong moment. You can leave: no order is charged twice.",
)


def said_of(order: Order, language: str = ENGLISH) -> Said:
    if order.payment is Payment.CHARGED:
        return _of_charge(order.charge, language)
    if order.payment is Payment.REFUSED:
        return _refusal(order.problem, language)
    return _in(language, UNKNOWN)


def money(amount: int, currency: str, language: str = ENGLISH) -> str:
    """Of minor units, in the currency's own digits: $24.00, ¥500; in German 24,00 $."""
    digits = EXPONENTS[currency]
    number = f"{amount / 10**digits:,.{digits}f}"
    symbol = _SYMBOLS.get(currency)
    if language == ENGLISH:
        return f"{symbol}{number}" if symbol else f"{number} {currency.upper()}"
    return f"{number.translate(_POINT_AND_COMMA)} {symbol or currency.upper()}"


def day(moment: datetime | str, language: str = ENGLISH) -> str:
    """December 1, 2026, where the shop is; in German 1. Dezember 2026."""
    when = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(_ZONE)
    if language == ENGLISH:
        return f"{when:%B} {when.day}, {when.year}"
    return f"{when.day}. {_GERMAN_MONTHS[when.month - 1]} {when.year}"


def account_name(mandate: dict[str, Any]) -> str:
    """As the elements name a saved account, in any language."""
    funding = mandate["funding"]
    return f"Amazon Pay · {funding['brand']} •••• {funding['last4']}" if funding else "Amazon Pay"


def _in(language: str, said: Said) -> Said:
    translate = translator(language)
    return replace(
        said, short=translate(said.short), heading=translate(said.heading), text=translate(said.text)
    )


def _of_charge(charge: dict[str, Any], language: str) -> Said:
    translate = translator(language)
    said = _in(language, STATUSES[charge["status"]])
    text = said.text
    if charge["will_retry_at"]:
        text = text.format(retry=day(charge["will_retry_at"], language))
    if charge["refunded"]:
        refunded = money(charge["refunded"], charge["currency"], language)
        text = translate(REFUNDED).format(refunded=refunded)
    if charge["end_reason"]:
        text = f"{translate(END_REASONS[charge['end_reason']])} {text}"
    return replace(said, text=text, set_up=charge["end_reason"] == "withdrawn")


def _refusal(problem: dict[str, Any], language: str) -> Said:
    translate = translator(language)
    reasons = problem.get("reasons") or []
    if not reasons:
        return _in(language, NOT_NOW)
    texts = [translate(REASONS[reason]) for reason in reasons]
    if problem.get("earliest"):
        texts.append(translate(EARLIEST).format(earliest=day(problem["earliest"], language)))
    set_up = bool(_SET_UP_AGAIN & set(reasons))
    return replace(_in(language, REFUSED), text=" ".join(texts), set_up=set_up)
