"""Stripe's refusals, in Stripe's words.

The shape is https://docs.stripe.com/api/errors: ``{"error": {"type", "code", "message", "param",
"doc_url"}}``. The SDK chooses its exception class from the status and the type, so both are part of the
contract.
"""

from typing import Any

DOCUMENTATION = "https://docs.stripe.com/error-codes#"


class StripeError(Exception):
    """A refusal that becomes an HTTP answer.

    ``executed`` says whether the endpoint had begun to run. Only then does Stripe keep the answer under the
    idempotency key: "if incoming parameters fail validation [...] no idempotent result is saved"
    (https://docs.stripe.com/api/idempotent_requests). ``details`` are further members of the error.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        headers: dict[str, str] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.executed = executed
        self.headers = headers or {}
        self.details = details or {}

    def body(self) -> dict[str, Any]:
        """The JSON that Stripe sends. Members without a value are left out."""
        error: dict[str, Any] = {}
        if self.code is not None:
            error |= {"code": self.code, "doc_url": DOCUMENTATION + self.code.replace("_", "-")}
        error["message"] = self.message
        if self.param is not None:
            error["param"] = self.param
        return {"error": error | {"type": self.type} | self.details}


class NotPossible(StripeError):
    """The object's present state does not allow what the buyer, Amazon or the Dashboard wants to do."""

    def __init__(self, message: str) -> None:
        super().__init__(409, message)


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter fails validation. The request never reached its endpoint."""
    return StripeError(400, message, code=code, param=param, executed=False)


def unexpected_state(
    message: str,
    param: str | None = None,
    code: str | None = None,
    details: dict[str, Any] | None = None,
) -> StripeError:
    """The request is well formed, but the object's present state does not allow it."""
    return StripeError(400, message, code=code, param=param, details=details)


def resource_missing(kind: str, identifier: str, param: str = "id") -> StripeError:
    """No such object: 404 if the URL names it, with ``id`` as ``param``, and 400 if a parameter does."""
    noun = kind.replace(".", " ").replace("_", " ")
    message = f"No such {noun}: '{identifier}'"
    return StripeError(404 if param == "id" else 400, message, code="resource_missing", param=param)


def parameter_missing(param: str) -> StripeError:
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def not_simulated(param: str) -> StripeError:
    """Stripe knows this parameter, but the simulator does nothing with it: refusing beats pretending."""
    return invalid(f"The Stripe simulator does not simulate this parameter: {param}", param, "not_simulated")


def no_longer_supported(param: str, successor: str) -> StripeError:
    """The parameter was removed, as ``payment_method_types`` was in API version 2026-09-30.endive."""
    message = f"The `{param}` parameter is no longer supported. Use `{successor}` instead."
    return invalid(message, param, f"{param}_no_longer_supported")
