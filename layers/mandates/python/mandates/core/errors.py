"""Everything that can go wrong, as types. Each has a stable `code`; api/problems.py has the table of
statuses.

The message is for the caller: it says what is wrong and what to do.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class MandatesError(Exception):
    """`extra` are further members of the problem document (RFC 9457, section 3.2).

    If it is `retryable`, the same request may succeed in `retry_after` seconds.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False
    retry_after: int = 1

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.extra: Mapping[str, Any] = extra


class InvalidRequest(MandatesError):
    code = "invalid_request"


class RequestTooLarge(MandatesError):
    code = "request_too_large"


class UnsupportedMediaType(MandatesError):
    code = "unsupported_media_type"


class RedirectNotAllowed(MandatesError):
    code = "redirect_not_allowed"


class RedirectRefusedByStripe(MandatesError):
    """We allow the URL, but Stripe does not. The caller still has to correct it."""

    code = "redirect_refused_by_stripe"


class WrongReturnToken(MandatesError):
    code = "wrong_return_token"


class Unauthenticated(MandatesError):
    code = "unauthenticated"


class InsufficientScope(MandatesError):
    code = "insufficient_scope"


class NotFound(MandatesError):
    """It does not exist, or it belongs to somebody else: the caller must not learn which."""

    code = "not_found"


class NotAcceptable(MandatesError):
    """The answer can't be had in a form that the request accepts."""

    code = "not_acceptable"


class LedgerUnreadable(MandatesError):
    """Somebody has altered what is stored, so that it can't even be read."""

    code = "ledger_unreadable"


class ConsentRequired(MandatesError):
    code = "consent_required"


class TermsChanged(MandatesError):
    code = "terms_changed"


class NoTerms(MandatesError):
    code = "no_terms"


class CustomerRequired(MandatesError):
    code = "customer_required"


class CustomerAlreadyLinked(MandatesError):
    code = "customer_already_linked"


class StripeCustomerUnknown(MandatesError):
    code = "stripe_customer_unknown"


class TooManyCheckouts(MandatesError):
    """The customer began so many checkouts that the next has to wait for `retry_after` seconds."""

    code = "too_many_checkouts"
    retryable = True

    def __init__(self, message: str, retry_after: int = 1, **extra: Any) -> None:
        super().__init__(message, **extra)
        self.retry_after = retry_after


class ChargeRefused(MandatesError):
    """The mandate does not permit the charge. Nothing was written, and the Idempotency-Key may be used again.

    `extra`: `reasons` (words), `left` (minor units; None without a limit for a period), `currency` (that of
    the limit), `earliest` (RFC 3339; None if time alone does not help), and `charge_id` if another charge has
    the reference.
    """

    code = "charge_not_permitted"


class ChargeIsFinal(MandatesError):
    """The charge succeeded or failed, so it can't be cancelled any more. `extra`: `charge_status`."""

    code = "charge_is_final"


class RefundRefused(MandatesError):
    """The charge can't be refunded so. Nothing was written, and the Idempotency-Key may be used again.

    `extra`: `reasons` (words), `left` (minor units that may still be refunded) and `currency`.
    """

    code = "refund_not_permitted"


class KeyReused(MandatesError):
    """The Idempotency-Key is that of a charge or refund which was requested with another body."""

    code = "idempotency_key_reused"


class NoticeRefused(MandatesError):
    """The mandate would never permit a charge under the notice. Nothing was recorded.

    `extra`: `reasons` (words, as those of ChargeRefused) and `currency` (that of the terms).
    """

    code = "notice_refused"


class NoticeTooLate(MandatesError):
    """The day of the notice ends before the promised hours have passed. Nothing was recorded.

    `extra`: `earliest_date` (ISO 8601), the first day that a notice recorded now can be for; None if there is
    none.
    """

    code = "notice_too_late"


class Busy(MandatesError):
    """Others kept changing the same thing, and nothing was done. Or the tables failed while a charge was
    made: then the same request, under the same key, finds the charge or makes it."""

    code = "busy"
    retryable = True


class StripeUnavailable(MandatesError):
    """Stripe did not answer, or answered that it can't now. What was asked may have been done."""

    code = "stripe_unavailable"
    retryable = True


class StripeRefused(MandatesError):
    """Stripe says the request is wrong: our bug or the account's settings, never the caller's."""

    code = "stripe_refused"


class UnknownAtStripe(StripeRefused):
    """Stripe does not know an object whose id it gave us. Most likely the key belongs to another account."""

    code = "unknown_at_stripe"
