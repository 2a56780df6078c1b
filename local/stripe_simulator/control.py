"""The control API: what a test or a person makes happen. POST takes a JSON object; no body means ``{}``.

    POST /_control/api_keys/expire                  {"key": "sk_test_..."}
    POST /_control/faults                           a plan, see ``faults``; {} clears
    POST /_control/payments                         a plan, see ``payments``; {} clears
    POST /_control/refunds                          a plan, see ``refunding``; {} clears
    POST /_control/payouts                          {"amount": 4200, "currency": "usd"}: a manual one
    POST /_control/webhooks/flush                   {"timeout": 10}
    POST /_control/clock/advance                    {"seconds": 3600}
    POST /_control/reset                            {"keep_webhook_endpoints": false}
    GET  /_control/objects/{kind}                   all of a kind (its `object`), newest first
    GET  /_control/events                           every event with its deliveries
    GET  /_control/requests                         every API request, without its key
    GET  /_control/faults                           the plan in force
    GET  /_control/payments                         the plan in force
    GET  /_control/refunds                          the plan in force

Anything that happens to one object, as in ``POST /_control/sessions/{id}/authorize``, is an ``Action`` of its
resource. Each file in ``resources`` lists the paths of its actions at the end.

Errors are ``{"error": {"message", "code"}}``: 400 for a wrong body, 404 for an unknown id, 409 for an action
that the object's present state does not allow.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .dispatcher import Dispatcher
from .errors import StripeError
from .faults import FaultPlan
from .payments import PaymentPlan
from .refunding import RefundPlan
from .resource import Action
from .resources import ACTIONS
from .resources.balance import ManualPayout
from .simulator import Simulator

MAX_ADVANCE = 366 * 24 * 60 * 60


class ExpireApiKey(Struct, forbid_unknown_fields=True):
    key: Annotated[str, Meta(pattern=r"^(sk|rk)_")]


class Flush(Struct, forbid_unknown_fields=True):
    timeout: Annotated[float, Meta(ge=0, le=120)] = 10.0


class Advance(Struct, forbid_unknown_fields=True):
    seconds: Annotated[float, Meta(ge=0, le=MAX_ADVANCE)]


class Reset(Struct, forbid_unknown_fields=True):
    keep_webhook_endpoints: bool = False


class Control:
    def __init__(self, simulator: Simulator, dispatcher: Dispatcher) -> None:
        self._simulator = simulator
        self._dispatcher = dispatcher

    def routes(self) -> list[Route]:
        return [
            *(_post(path, action, self.act) for path, action in ACTIONS.items()),
            _post("/api_keys/expire", ExpireApiKey, self.expire_api_key),
            _post("/faults", FaultPlan, self.set_faults),
            _post("/payments", PaymentPlan, self.set_payments),
            _post("/refunds", RefundPlan, self.set_refunds),
            _post("/payouts", ManualPayout, self.pay_out),
            _post("/webhooks/flush", Flush, self.flush),
            _post("/clock/advance", Advance, self.advance),
            _post("/reset", Reset, self.reset),
            Route("/objects/{kind}", self.objects, methods=["GET"]),
            Route("/events", self.events, methods=["GET"]),
            Route("/requests", self.requests, methods=["GET"]),
            Route("/faults", self.faults, methods=["GET"]),
            Route("/payments", self.payments, methods=["GET"]),
            Route("/refunds", self.refunds, methods=["GET"]),
        ]

    async def act(self, identifier: str, action: Action) -> Any:
        return self._simulator.act(identifier, action)

    async def expire_api_key(self, _: str, body: ExpireApiKey) -> Any:
        self._simulator.expire_api_key(body.key)
        return {}

    async def set_faults(self, _: str, plan: FaultPlan) -> Any:
        self._simulator.set_faults(plan)
        return msgspec.to_builtins(plan)

    async def set_payments(self, _: str, plan: PaymentPlan) -> Any:
        self._simulator.set_payments(plan)
        return msgspec.to_builtins(plan)

    async def set_refunds(self, _: str, plan: RefundPlan) -> Any:
        self._simulator.set_refunds(plan)
        return msgspec.to_builtins(plan)

    async def pay_out(self, _: str, payout: ManualPayout) -> Any:
        return {"payout": self._simulator.pay_out(payout.amount, payout.currency)}

    async def flush(self, _: str, body: Flush) -> Any:
        return await self._dispatcher.flush(body.timeout)

    async def advance(self, _: str, body: Advance) -> Any:
        self._simulator.advance(body.seconds)
        return {"now": self._simulator.clock()}

    async def reset(self, _: str, body: Reset) -> Any:
        self._simulator.reset(keep_webhook_endpoints=body.keep_webhook_endpoints)
        return {}

    async def objects(self, request: Request) -> Response:
        return JSONResponse({"objects": self._simulator.all(request.path_params["kind"])[::-1]})

    async def events(self, _: Request) -> Response:
        return JSONResponse({"events": self._simulator.events()})

    async def requests(self, _: Request) -> Response:
        return JSONResponse({"requests": [asdict(line) for line in self._simulator.requests()]})

    async def faults(self, _: Request) -> Response:
        return JSONResponse(msgspec.to_builtins(self._simulator.fault_plan))

    async def payments(self, _: Request) -> Response:
        return JSONResponse(msgspec.to_builtins(self._simulator.payment_plan))

    async def refunds(self, _: Request) -> Response:
        return JSONResponse(msgspec.to_builtins(self._simulator.refund_plan))


async def refused(_: Request, error: Exception) -> Response:
    """The answer to a control request that does not exist or can't be carried out."""
    match error:
        case StripeError():
            return _error(error.status, error.message, error.code)
        case HTTPException():
            return _error(error.status_code, error.detail, None)
    raise error


def _post[B: Struct](path: str, body: type[B], action: Callable[[str, B], Awaitable[Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            given = msgspec.json.decode(await request.body() or b"{}", type=body)
        except msgspec.DecodeError as error:
            return _error(400, f"The body is wrong: {error}", "invalid_body")
        return JSONResponse(await action(request.path_params.get("id", ""), given))

    return Route(path, endpoint, methods=["POST"])


def _error(status: int, message: str, code: str | None) -> Response:
    return JSONResponse({"error": {"message": message, "code": code}}, status)
