"""The control API: what a test, or a person, makes happen. POST takes a JSON object, which may be left out.

    POST /_control/sessions/{id}/authorize          {"mandate": true, "payment_method_types": null}
    POST /_control/sessions/{id}/decline            {"code": "setup_intent_authentication_failure"}
    POST /_control/sessions/{id}/abandon
    POST /_control/sessions/{id}/expire
    POST /_control/payment_methods/{id}/detach
    POST /_control/payment_methods/{id}/revoke_at_amazon
    POST /_control/payment_methods/{id}/end_another_mandate  {"for_one_payment": true}
    POST /_control/customers/{id}/delete
    POST /_control/api_keys/expire                  {"key": "sk_test_..."}
    POST /_control/faults                           a plan, see ``faults``; {} clears
    POST /_control/webhooks/flush                   {"timeout": 10}
    POST /_control/events/{id}/resend
    POST /_control/clock/advance                    {"seconds": 3600}
    POST /_control/reset                            {"keep_webhook_endpoints": false}
    GET  /_control/events                           every event with its deliveries
    GET  /_control/requests                         every API request, without its key
    GET  /_control/faults                           the plan in force

Errors are ``{"error": {"message", "code"}}``: 400 for a body that is wrong, 404 for an unknown id, 409 for
what the present state doesn't allow.
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

from .buyer import DECLINED
from .dispatcher import Dispatcher
from .errors import StripeError
from .faults import FaultPlan
from .simulator import Simulator

MAX_ADVANCE = 366 * 24 * 60 * 60


class Nothing(Struct, forbid_unknown_fields=True):
    pass


class Authorize(Struct, forbid_unknown_fields=True):
    mandate: bool = True
    payment_method_types: Annotated[list[str], Meta(min_length=1)] | None = None


class Decline(Struct, forbid_unknown_fields=True):
    code: Annotated[str, Meta(pattern=r"^[a-z0-9_]+$")] = DECLINED


class EndAnotherMandate(Struct, forbid_unknown_fields=True):
    for_one_payment: bool = True


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
            _post("/sessions/{id}/authorize", Authorize, self.authorize),
            _post("/sessions/{id}/decline", Decline, self.decline),
            _post("/sessions/{id}/abandon", Nothing, self.abandon),
            _post("/sessions/{id}/expire", Nothing, self.expire),
            _post("/payment_methods/{id}/detach", Nothing, self.detach),
            _post("/payment_methods/{id}/revoke_at_amazon", Nothing, self.revoke_at_amazon),
            _post("/payment_methods/{id}/end_another_mandate", EndAnotherMandate, self.end_another_mandate),
            _post("/customers/{id}/delete", Nothing, self.delete_customer),
            _post("/api_keys/expire", ExpireApiKey, self.expire_api_key),
            _post("/faults", FaultPlan, self.set_faults),
            _post("/webhooks/flush", Flush, self.flush),
            _post("/events/{id}/resend", Nothing, self.resend),
            _post("/clock/advance", Advance, self.advance),
            _post("/reset", Reset, self.reset),
            Route("/events", self.events, methods=["GET"]),
            Route("/requests", self.requests, methods=["GET"]),
            Route("/faults", self.faults, methods=["GET"]),
        ]

    async def authorize(self, session: str, body: Authorize) -> Any:
        event = self._simulator.authorize(
            session, mandate=body.mandate, payment_method_types=body.payment_method_types
        )
        return self._session(session) | {"event": event["id"]}

    async def decline(self, session: str, body: Decline) -> Any:
        self._simulator.decline(session, body.code)
        return self._session(session)

    async def abandon(self, session: str, _: Nothing) -> Any:
        self._simulator.abandon(session)
        return self._session(session)

    async def expire(self, session: str, _: Nothing) -> Any:
        self._simulator.expire(session)
        return self._session(session)

    async def detach(self, method: str, _: Nothing) -> Any:
        self._simulator.detach(method)
        return {"payment_method": method}

    async def revoke_at_amazon(self, method: str, _: Nothing) -> Any:
        self._simulator.revoke_at_amazon(method)
        return {"payment_method": method}

    async def end_another_mandate(self, method: str, body: EndAnotherMandate) -> Any:
        ended = self._simulator.end_another_mandate(method, for_one_payment=body.for_one_payment)
        return {"payment_method": method, "mandate": ended}

    async def delete_customer(self, customer: str, _: Nothing) -> Any:
        self._simulator.delete_customer(customer)
        return {"customer": customer}

    async def expire_api_key(self, _: str, body: ExpireApiKey) -> Any:
        self._simulator.expire_api_key(body.key)
        return {}

    async def set_faults(self, _: str, plan: FaultPlan) -> Any:
        self._simulator.set_faults(plan)
        return msgspec.to_builtins(plan)

    async def flush(self, _: str, body: Flush) -> Any:
        return await self._dispatcher.flush(body.timeout)

    async def resend(self, event: str, _: Nothing) -> Any:
        return {"endpoints": self._simulator.resend(event)}

    async def advance(self, _: str, body: Advance) -> Any:
        self._simulator.advance(body.seconds)
        return {"now": self._simulator.clock()}

    async def reset(self, _: str, body: Reset) -> Any:
        self._simulator.reset(keep_webhook_endpoints=body.keep_webhook_endpoints)
        return {}

    async def events(self, _: Request) -> Response:
        return JSONResponse({"events": self._simulator.events()})

    async def requests(self, _: Request) -> Response:
        return JSONResponse({"requests": [asdict(line) for line in self._simulator.requests()]})

    async def faults(self, _: Request) -> Response:
        return JSONResponse(msgspec.to_builtins(self._simulator.faults))

    def _session(self, identifier: str) -> dict[str, Any]:
        session, intent = self._simulator.checkout_session(identifier)
        return {"checkout_session": session, "setup_intent": intent}


async def refused(_: Request, error: Exception) -> Response:
    """A control request that can't be carried out, or that there isn't."""
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
