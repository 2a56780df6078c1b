"""What goes wrong on purpose.

A plan is one JSON document, sent to ``POST /_control/faults``. It replaces the previous plan; ``{}`` clears
all faults. Unknown members are refused. All randomness comes from ``seed``, so a plan can be replayed.
Durations are seconds.

    {
      "seed": 7,
      "webhooks": {
        "types": ["setup_intent.succeeded"],   only these events; without it, all
        "copies": 2,                           every event is delivered this many times
        "delay": 1.5,                          each delivery is held back this long,
        "shuffle_window": 3.0,                 and at random up to this much longer: events overtake
        "drop_first": 1,                       this many first attempts of a delivery get lost,
        "drop_probability": 0.2,               and any other attempt with this probability
        "dropped": "retried",                  or "lost": a dropped event never comes
        "outage": true                         no attempt is made or counted until the plan changes
      },
      "api": [
        {"effect": "rate_limit", "per_second": 25},
        {"effect": "timeout_after_effect", "method": "POST", "path": "/v1/checkout/sessions", "times": 1}
      ],
      "search_lag": 60,                        customers become searchable this long after creation
      "list_lag": 5                            new payment intents and refunds show up in lists this late
    }

Each entry of ``api`` matches requests by ``method`` (without it, any), by the beginning of ``path``, and by
``endpoint`` (without it, any), such as "POST /v1/payment_intents/:id/confirm". It hits the next ``times`` of
them (without it, all). The first refusal in the list wins; latencies add up. The effects:

``rate_limit``
    429 ``rate_limit``. With ``per_second``, only requests above that rate on one endpoint are refused
    (https://docs.stripe.com/rate-limits).
``lock_timeout``
    429 ``lock_timeout`` with ``Stripe-Should-Retry: true``: another request holds the object.
``forbidden``
    403: a restricted key without the permission for this.
``rejected``
    400 for a request that could have been carried out. The error names ``param`` and carries ``code``.
``resource_missing``
    Stripe does not know an object that exists, as for a key of another account. 404 if ``param`` is "id",
    since the path names that; else 400.
``server_error``
    ``status`` 500 happens inside the endpoint, so it is kept and replayed under the idempotency key. 502, 503
    and 504 come from in front of the endpoint and are not kept. ``applied``: the request took effect anyway.
``latency``
    The answer takes ``seconds`` longer. Until then its idempotency key is in use.
``timeout_before_effect``
    The connection is closed without an answer after ``seconds``, and nothing is carried out.
``timeout_after_effect``
    The request is carried out. ``seconds`` later the connection is closed without an answer.
"""

from collections import Counter
from random import Random
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from .errors import StripeError, invalid

type Seconds = Annotated[float, Meta(ge=0, le=86_400)]
type Count = Annotated[int, Meta(ge=1)]
type Answer = Literal["given", "lost", "server_error"]


class WebhookFaults(Struct, frozen=True, forbid_unknown_fields=True):
    types: tuple[str, ...] | None = None
    copies: Annotated[int, Meta(ge=1, le=20)] = 1
    delay: Seconds = 0.0
    shuffle_window: Seconds = 0.0
    drop_first: Annotated[int, Meta(ge=0)] = 0
    drop_probability: Annotated[float, Meta(ge=0, le=1)] = 0.0
    dropped: Literal["retried", "lost"] = "retried"
    outage: bool = False

    def applies_to(self, event_type: str) -> bool:
        return self.types is None or event_type in self.types


class _ApiFault(Struct, frozen=True, forbid_unknown_fields=True, tag_field="effect", kw_only=True):
    method: Literal["GET", "POST", "DELETE"] | None = None
    path: str = "/"
    endpoint: str | None = None
    times: Count | None = None

    def matches(self, method: str, path: str, endpoint: str) -> bool:
        return (
            self.method in {None, method} and path.startswith(self.path) and self.endpoint in {None, endpoint}
        )


class RateLimit(_ApiFault, frozen=True, tag="rate_limit", kw_only=True):
    per_second: Count | None = None


class LockTimeout(_ApiFault, frozen=True, tag="lock_timeout"):
    pass


class Forbidden(_ApiFault, frozen=True, tag="forbidden"):
    pass


class Rejected(_ApiFault, frozen=True, tag="rejected", kw_only=True):
    param: str | None = None
    code: str | None = None


class ResourceMissing(_ApiFault, frozen=True, tag="resource_missing", kw_only=True):
    param: str = "id"


class ServerError(_ApiFault, frozen=True, tag="server_error", kw_only=True):
    status: Literal[500, 502, 503, 504] = 500
    applied: bool = False


class Latency(_ApiFault, frozen=True, tag="latency", kw_only=True):
    seconds: Seconds


class TimeoutBeforeEffect(_ApiFault, frozen=True, tag="timeout_before_effect", kw_only=True):
    seconds: Seconds = 0.0


class TimeoutAfterEffect(_ApiFault, frozen=True, tag="timeout_after_effect", kw_only=True):
    seconds: Seconds = 0.0


type ApiFault = (
    RateLimit
    | LockTimeout
    | Forbidden
    | Rejected
    | ResourceMissing
    | ServerError
    | Latency
    | TimeoutBeforeEffect
    | TimeoutAfterEffect
)


class FaultPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan; see the module's description."""

    seed: int = 0
    webhooks: WebhookFaults = field(default_factory=WebhookFaults)
    api: tuple[ApiFault, ...] = ()
    search_lag: Seconds = 0.0
    list_lag: Seconds = 0.0

    @classmethod
    def parse(cls, plan: object) -> "FaultPlan":
        """Raises ``msgspec.ValidationError``, which names the wrong member."""
        return msgspec.convert(plan, cls)


class Verdict(Struct):
    """What is to happen to one request."""

    refusal: StripeError | None = None
    server_error: ServerError | None = None
    delay: float = 0.0
    answered: bool = True

    def takes(self, fault: ApiFault) -> bool:
        """Add a fault's effect. False if the request is refused already, so that this one changes nothing."""
        match fault:
            case Latency():
                self.delay += fault.seconds
            case TimeoutAfterEffect():
                self.delay += fault.seconds
                self.answered = False
            case _ if self.refusal or self.server_error:
                return False
            case ServerError():
                self.server_error = fault
            case TimeoutBeforeEffect():
                self.delay += fault.seconds
                self.answered = False
                self.refusal = did_not_arrive()
            case _:
                self.refusal = _refusal(fault)
        return True

    def replace_answer(self, answer: Answer) -> None:
        """What the client is to get instead of the outcome, although that stands."""
        match answer:
            case "lost":
                self.takes(TimeoutAfterEffect())
            case "server_error":
                self.takes(ServerError(status=500, applied=True))


class FaultState:
    """A plan in force: how often its faults have hit, and its randomness."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.webhooks = plan.webhooks
        self.random = Random(plan.seed)
        self._hits: Counter[int] = Counter()
        self._rates: dict[tuple[int, str], tuple[int, int]] = {}

    def judge(self, method: str, path: str, operation: str, now: float) -> Verdict:
        """Decide about one request; ``operation`` names its endpoint, the unit of Stripe's rate limit."""
        verdict = Verdict()
        for index, fault in enumerate(self.plan.api):
            if not fault.matches(method, path, operation) or self._used_up(index, fault):
                continue
            if isinstance(fault, RateLimit) and not self._exceeds(index, fault, operation, int(now)):
                continue
            if verdict.takes(fault):
                self._hits[index] += 1
        return verdict

    def _used_up(self, index: int, fault: ApiFault) -> bool:
        return fault.times is not None and self._hits[index] >= fault.times

    def _exceeds(self, index: int, fault: RateLimit, operation: str, second: int) -> bool:
        if fault.per_second is None:
            return True
        last, count = self._rates.get((index, operation), (second, 0))
        count = count + 1 if last == second else 1
        self._rates[index, operation] = second, count
        return count > fault.per_second

    def drops(self, event_type: str, attempt: int) -> bool:
        """Whether this attempt to deliver an event gets lost; the first attempt is 1."""
        faults = self.webhooks
        if not faults.applies_to(event_type):
            return False
        return attempt <= faults.drop_first or self.random.random() < faults.drop_probability


def did_not_arrive() -> StripeError:
    """No client gets this answer: it only ends up in the log."""
    return StripeError(503, "The request did not arrive.", executed=False)


def _refusal(fault: RateLimit | LockTimeout | Forbidden | Rejected | ResourceMissing) -> StripeError:
    match fault:
        case RateLimit():
            return _rate_limited()
        case LockTimeout():
            return _locked()
        case Forbidden():
            return _forbidden()
        case Rejected():
            return invalid("Stripe will not do this.", fault.param, fault.code)
        case ResourceMissing():
            return _unknown(fault.param)


def _rate_limited() -> StripeError:
    """The SDK does not retry this one."""
    message = (
        "Request rate limit exceeded. "
        "You can learn more about rate limits here https://stripe.com/docs/rate-limits."
    )
    headers = {"Stripe-Rate-Limited-Reason": "endpoint-rate"}
    return StripeError(429, message, code="rate_limit", executed=False, headers=headers)


def _locked() -> StripeError:
    """The SDK retries this one, because the header says so."""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it. If you see this error intermittently, retry the request."
    )
    headers = {"Stripe-Should-Retry": "true"}
    return StripeError(429, message, code="lock_timeout", executed=False, headers=headers)


def _unknown(param: str) -> StripeError:
    return StripeError(
        404 if param == "id" else 400,
        "No such object.",
        code="resource_missing",
        param=param,
        executed=False,
    )


def _forbidden() -> StripeError:
    """https://docs.stripe.com/keys/restricted-api-keys"""
    message = "The provided key does not have the required permissions for this endpoint on this account."
    return StripeError(403, message, executed=False)
