"""Why a charge is refused."""

from enum import StrEnum


class Reason(StrEnum):
    """Each word is part of the API. A refusal names all that apply, in this order."""

    MANDATE_NOT_ACTIVE = "mandate_not_active"
    """The set-up is not finished, or it expired."""

    MANDATE_REVOKED = "mandate_revoked"
    """The permission was withdrawn. A withdrawal never lapses."""

    DISPUTED = "disputed"
    """One of the mandate's charges is disputed, and the stack charges nothing until that is closed."""

    RETURN_NOT_SEEN = "return_not_seen"
    """The stack requires that the customer came back from the set-up, and they have not."""

    CURRENCY_NOT_AGREED = "currency_not_agreed"
    """The terms are in another currency. Amounts are then not compared: they can't be."""

    AMOUNT_NOT_AGREED = "amount_not_agreed"
    """The terms fix the amount, and this is another one."""

    ABOVE_CHARGE_LIMIT = "above_charge_limit"
    """The amount is above the limit of each charge."""

    ABOVE_PERIOD_LIMIT = "above_period_limit"
    """With this charge, the charges of the calendar period would be above their limit."""

    TOO_FREQUENT = "too_frequent"
    """The current window of the recurring consent has its one charge."""

    ONE_TIME_ALREADY_USED = "one_time_already_used"
    """The consent was for one charge, and there is one."""

    BEFORE_START = "before_start"
    """The first agreed day has not begun in the consent's time zone."""

    AFTER_END = "after_end"
    """The last agreed day is over in the consent's time zone."""

    NOTICE_REQUIRED = "notice_required"
    """The terms promise notice of varying amounts, and none that is recorded covers this charge now."""

    IN_PROGRESS = "in_progress"
    """A charge with this reference is not final yet."""

    ALREADY_CHARGED = "already_charged"
    """A charge with this reference succeeded."""

    TOO_MANY_ATTEMPTS = "too_many_attempts"
    """The mandate had its declined attempts of the day, or the charge all attempts it may have."""

    CHARGING_PAUSED = "charging_paused"
    """Somebody paused charging, or errors about mandates did."""
