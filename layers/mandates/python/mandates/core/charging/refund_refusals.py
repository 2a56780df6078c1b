"""Which of Stripe's refusals of a refund are for good: https://docs.stripe.com/error-codes"""

_FOR_GOOD = frozenset(
    {
        "amount_too_large",
        "amount_too_small",
        "charge_already_refunded",
        "charge_disputed",
        "charge_not_refundable",
        "refund_disputed_payment",
    }
)

_REFUSED_BEFORE_READ = frozenset({"401", "403"})


def is_final_refusal(*, status: str, code: str, param: str) -> bool:
    """Whether the refund can't be made, whatever anybody does. Otherwise the request, the key or the account
    is wrong, and the same request may succeed once that is mended.

    `status` is the HTTP status, `param` the parameter that Stripe objects to; empty if Stripe did not say.
    Stripe documents no code for an amount above what is left, so the parameter tells.
    """
    return status not in _REFUSED_BEFORE_READ and (code in _FOR_GOOD or param == "amount")
