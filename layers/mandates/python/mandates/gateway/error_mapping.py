"""What can go wrong with a call to Stripe, and how the SDK's exceptions become that."""

import stripe

from mandates.core.errors import StripeRefused, StripeUnavailable, UnknownAtStripe

REFUSED = "Stripe refused the request: this service or its Stripe account is set up wrongly"
UNKNOWN = (
    "Stripe does not know an object that it gave us before: the operator has to check the account and API key"
)


class RequestRejected(StripeRefused):
    """Stripe read the request and refuses it. `param` is the parameter that it objects to, if it says."""

    param: str | None = None


class KeyLacksPermission(StripeRefused):
    """The restricted key lacks the permission for the request."""


class AnswerReplayed(StripeUnavailable):
    """Stripe failed once under this idempotency key, and repeats that answer for as long as it keeps the key.

    Nobody knows whether it did what was asked: https://docs.stripe.com/error-low-level#server-errors
    """


class KeyRefused(StripeRefused):
    """Stripe accepts neither the API key nor a newer one. It has not read the request."""


class ResourceMissing(RequestRejected, UnknownAtStripe):
    """Stripe has no object with that id."""


class errors_ours:  # noqa: N801 - reads as a word in `with errors_ours():`
    """Turns the SDK's exceptions into ours, by type and code and never by message text."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, stripe.StripeError):
            return
        code = error.error.code if error.error else None
        about = {"stripe_code": code, "stripe_request_id": error.request_id}
        match error:
            case stripe.AuthenticationError():
                raise KeyRefused(REFUSED, **about) from error
            case stripe.InvalidRequestError() if code == "resource_missing":
                unknown = ResourceMissing(UNKNOWN, **about)
                unknown.param = error.param
                raise unknown from error
            case stripe.InvalidRequestError():
                rejected = RequestRejected(REFUSED, **about)
                rejected.param = error.param
                raise rejected from error
            case stripe.PermissionError():
                raise KeyLacksPermission("the Stripe API key may not do this", **about) from error
            case stripe.APIError() if _header(error, "idempotent-replayed") == "true":
                raise AnswerReplayed("Stripe failed on this request; try again", **about) from error
            case stripe.RateLimitError() | stripe.APIConnectionError() | stripe.APIError():
                raise StripeUnavailable("Stripe can't be reached or is busy; try again", **about) from error
            case _:
                raise StripeRefused(REFUSED, **about) from error


def _header(error: stripe.StripeError, name: str) -> str | None:
    """HTTP clients differ in the case of a header's name."""
    return {key.lower(): value for key, value in (error.headers or {}).items()}.get(name)
