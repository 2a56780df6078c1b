"""Stripe's API as a function from a request to an answer.

The layers, outermost first: the API key, faults in front of the API, the URL, the idempotency layer, the
parameters, the endpoint. A refusal before the idempotency layer, or by the check of the parameters, leaves
nothing behind.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from .account import Account, Cause
from .errors import StripeError, invalid, no_longer_supported
from .expansion import check_expandable, expanded
from .faults import Verdict
from .forms import Form, decode
from .idempotency import IdempotencyKeys, KeptAnswer
from .objects import Json
from .parameters import parameters_of
from .resources import ROUTER
from .routing import Call, Operation

FORM = "application/x-www-form-urlencoded"
SHOWN_OF_KEY = 8


@dataclass(frozen=True)
class ApiRequest:
    """One HTTP request. ``target`` is path and query, ``body`` a POST's form; header names are lower case."""

    id: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def idempotency_key(self) -> str | None:
        """Only POST takes one; Stripe ignores it elsewhere."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    def form(self) -> Form:
        if self.body and self.headers.get("content-type", FORM).partition(";")[0] != FORM:
            raise invalid(f"Invalid request (check that your POST content type is {FORM}).")
        return decode(self.body if self.method == "POST" else self.target.partition("?")[2])


@dataclass(frozen=True)
class ApiResponse:
    """Stripe's answer. The transport holds it back for ``delay`` seconds. If it is not ``answered``, the
    client
    never gets it, although the request was carried out."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    answered: bool = True

    @property
    def replayed(self) -> bool:
        return "Idempotent-Replayed" in self.headers


@dataclass(frozen=True)
class LoggedRequest:
    """One line of the request log. The API key is not in it."""

    id: str
    at: float
    method: str
    path: str
    params: Form
    idempotency_key: str | None
    stripe_version: str | None
    status: int
    error: str | None
    replayed: bool
    answered: bool


class Api:
    """The API of one account, with what it remembers about requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.log: list[LoggedRequest] = []
        self._clock = clock
        self._keys = IdempotencyKeys()

    def handle(self, account: Account, request: ApiRequest) -> ApiResponse:
        form: Form = {}
        verdict = Verdict()
        account.cause = Cause(request.id, request.idempotency_key)
        try:
            _authenticate(request.headers.get("authorization"), account.expired_keys)
            form = request.form()
            found = ROUTER.find(request.method, request.path)
            endpoint = found[0].name if found else request.path
            verdict = account.faults.judge(request.method, request.path, endpoint, self._clock())
            account.verdict = verdict
            if verdict.refusal:
                raise verdict.refusal
            if found is None:
                raise _unknown_url(request)
            response = self._answer_once(account, request, verdict, found[0], Call(dict(form), found[1]))
        except StripeError as error:
            response = _refused(error)
        finally:
            account.cause, account.verdict = Cause(), Verdict()
        headers = _common_headers(account, request) | response.headers
        response = replace(response, headers=headers, delay=verdict.delay, answered=verdict.answered)
        self._record(request, form, response)
        return response

    def _answer_once(
        self, account: Account, request: ApiRequest, verdict: Verdict, operation: Operation, call: Call
    ) -> ApiResponse:
        """The idempotency layer: execute the request, or give the kept answer again."""
        key, now = request.idempotency_key, self._clock()
        if key is None:
            return _answer(account, operation, call, verdict)[0]
        stored = self._keys.recall(key, request.path, call.params, now)
        if stored:
            replay = {"Idempotent-Replayed": "true", "Original-Request": stored.request}
            return ApiResponse(stored.status, stored.body, replay)
        response, kept = _answer(account, operation, call, verdict)
        if kept:
            busy_until = now + verdict.delay
            self._keys.keep(
                key,
                KeptAnswer(request.path, call.params, kept.status, kept.body, request.id, now, busy_until),
            )
        return response

    def _record(self, request: ApiRequest, form: Form, response: ApiResponse) -> None:
        error = response.body.get("error", {})
        self.log.append(
            LoggedRequest(
                id=request.id,
                at=self._clock(),
                method=request.method,
                path=request.path,
                params=form,
                idempotency_key=request.idempotency_key,
                stripe_version=request.headers.get("stripe-version"),
                status=response.status,
                error=error.get("code") or error.get("type"),
                replayed=response.replayed,
                answered=response.answered,
            )
        )


def _answer(
    account: Account, operation: Operation, call: Call, verdict: Verdict
) -> tuple[ApiResponse, ApiResponse | None]:
    """The answer to give, and the one to keep under the idempotency key.

    They differ when something in front of the endpoint breaks (502 and up): afterwards the key is unknown, or
    it yields what the endpoint answered. A 500 is the endpoint's own answer and is kept.
    """
    fault = verdict.server_error
    if fault and fault.status != 500 and not fault.applied:
        return _server_error(fault.status), None
    for param in call.params.keys() & operation.replaced.keys():
        raise no_longer_supported(param, operation.replaced[param])
    call = Call(parameters_of(operation.params).parse(call.params), call.ids)
    check_expandable(call.params.get("expand", []))
    if fault and not fault.applied:
        response = _server_error(fault.status)
        return response, response
    response = _execute(account, operation, call)
    fault = verdict.server_error  # the endpoint itself may have broken (``payments``)
    if fault is None:
        return response, response
    broken = _server_error(fault.status)
    return broken, broken if fault.status == 500 else response


def _execute(account: Account, operation: Operation, call: Call) -> ApiResponse:
    try:
        thing = operation.handler(account, call)
        return ApiResponse(200, expanded(account, thing, call.params.get("expand", [])))
    except StripeError as error:
        if not error.executed:
            raise
        return _refused(error)


def _common_headers(account: Account, request: ApiRequest) -> dict[str, str]:
    version = request.headers.get("stripe-version", account.settings.api_version)
    headers = {"Request-Id": request.id, "Stripe-Version": version}
    if request.idempotency_key is not None:
        headers["Idempotency-Key"] = request.idempotency_key
    return headers


def _authenticate(authorization: str | None, expired: Collection[str]) -> None:
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise StripeError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if not key.startswith(("sk_", "rk_")):
        raise StripeError(401, f"Invalid API Key provided: {key[:SHOWN_OF_KEY]}{'*' * 8}")
    if key in expired:
        message = f"Expired API Key provided: {key[:SHOWN_OF_KEY]}{'*' * 8}"
        raise StripeError(401, message, code="api_key_expired")


def _unknown_url(request: ApiRequest) -> StripeError:
    message = (
        f"Unrecognized request URL ({request.method}: {request.path}). "
        "Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
    )
    return StripeError(404, message, executed=False)


def _refused(error: StripeError) -> ApiResponse:
    return ApiResponse(error.status, error.body(), error.headers)


def _server_error(status: int) -> ApiResponse:
    """A repeated request would get the same 500, so Stripe asks not to retry. The SDK obeys the header."""
    message = "Sorry! There was an error while talking to one of our backends. Support has been notified."
    headers = {"Stripe-Should-Retry": "false"} if status == 500 else {}
    return _refused(StripeError(status, message, type="api_error", headers=headers))
