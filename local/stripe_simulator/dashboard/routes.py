"""The pages' routes. GET shows; POST changes something and leads back to a page."""

from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.stripe_simulator.durations import Durations
from local.stripe_simulator.errors import StripeError
from local.stripe_simulator.forms import decode
from local.stripe_simulator.guard import NoForeignPages
from local.stripe_simulator.resources import ACTIONS
from local.stripe_simulator.resources.events import Resend
from local.stripe_simulator.simulator import Simulator
from local.trigger.actions import TRIGGERS

from . import views
from .presets import KINDS as PLANS
from .presets import as_text

HERE = Path(__file__).parent
SHOWN_FIRST = 8

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with `no-referrer` a form's Origin would be null
    "Cache-Control": "no-store",
}

SAID = {
    "sent": "The event is sent again.",
    "set": "The plan is in force.",
    "cleared": "The plan is cleared.",
    "advanced": "The clock moved on.",
    "done": "Done.",
}
"""What a page says after a change, by the value of `said` in its address."""

STEPS = {60: "1 minute", 3600: "1 hour", 86_400: "1 day", 3 * 86_400: "3 days", 8 * 86_400: "8 days"}


class Dashboard:
    def __init__(self, simulator: Simulator, durations: Durations) -> None:
        self._simulator = simulator
        self._views = views.Views(simulator, durations)
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"time": views.as_time, "json": views.as_json, "text": as_text}

    def app(self) -> ASGIApp:
        return Starlette(
            routes=[
                Route("/", self.overview, methods=["GET"]),
                Route("/objects/{kind}", self.objects, methods=["GET"]),
                Route("/objects/{kind}/{id}", self.object, methods=["GET"]),
                Route("/objects/{kind}/{id}/{trigger}", self.trigger, methods=["POST"]),
                Route("/events", self.events, methods=["GET"]),
                Route("/events/{id}", self.event, methods=["GET"]),
                Route("/events/{id}/resend", self.resend, methods=["POST"]),
                Route("/requests", self.requests, methods=["GET"]),
                Route("/plans", self.plans, methods=["GET"]),
                Route("/plans/{plan}", self.set_plan, methods=["POST"]),
                Route("/clock", self.advance, methods=["POST"]),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ],
            middleware=[Middleware(_SecurityHeaders), Middleware(NoForeignPages, only_pages=True)],
            exception_handlers={StripeError: self._refused, HTTPException: self._not_there},
        )

    # -------------------------------------------------------------------------------------- pages

    async def overview(self, request: Request) -> Response:
        return self._page(
            request,
            "overview.html",
            counts=self._views.counts(),
            kinds=views.KINDS,
            events=self._views.events()[:SHOWN_FIRST],
            requests=self._views.requests()[:SHOWN_FIRST],
            in_force=self._in_force(),
            plans=PLANS,
            now=self._simulator.clock(),
            steps=STEPS,
        )

    async def objects(self, request: Request) -> Response:
        kind = self._kind(request)
        page = views.page_of(self._views.rows(kind), _number(request))
        return self._page(request, "objects.html", kind=kind, title=views.KINDS[kind], page=page)

    async def object(self, request: Request) -> Response:
        kind = self._kind(request)
        thing = self._simulator.get(kind, request.path_params["id"])
        if thing is None:
            raise HTTPException(404)
        return self._page(
            request,
            "object.html",
            kind=kind,
            title=views.KINDS[kind],
            row=views.row_of(kind, thing),
            thing=thing,
            referred=self._views.referred(thing),
            possible=views.possible(kind, thing),
            events=self._views.events(about=thing["id"]),
        )

    async def events(self, request: Request) -> Response:
        return self._page(request, "events.html", page=views.page_of(self._views.events(), _number(request)))

    async def event(self, request: Request) -> Response:
        identifier = request.path_params["id"]
        found = [event for event in self._simulator.events() if event["id"] == identifier]
        if not found:
            raise HTTPException(404)
        sent = {name: value for name, value in found[0].items() if name != "deliveries"}
        return self._page(
            request,
            "event.html",
            row=views.event_row(found[0]),
            deliveries=found[0]["deliveries"],
            sent=sent,
            tone_of=views.tone_of,
        )

    async def requests(self, request: Request) -> Response:
        page = views.page_of(self._views.requests(), _number(request))
        return self._page(request, "requests.html", page=page)

    async def plans(self, request: Request) -> Response:
        return self._plans(request)

    def _plans(
        self, request: Request, *, wrong: str = "", text: str = "", problem: str = "", status: int = 200
    ) -> Response:
        """`wrong` is the name of the plan whose text was refused because of `problem`."""
        texts = {name: as_text(plan) for name, plan in self._all_plans().items()}
        return self._page(
            request,
            "plans.html",
            status=status,
            plans=PLANS,
            texts=texts | ({wrong: text} if wrong else {}),
            in_force=self._in_force(),
            wrong=wrong,
            problem=problem,
        )

    # ------------------------------------------------------------------------------------- changes

    async def trigger(self, request: Request) -> Response:
        kind, name = self._kind(request), request.path_params["trigger"]
        trigger = TRIGGERS.get(name)
        if trigger is None or trigger.target is None or trigger.target.kind != kind:
            raise HTTPException(404)
        identifier = request.path_params["id"]
        self._simulator.act(identifier, msgspec.convert({}, ACTIONS[f"/{trigger.path}"]))
        return _see(f"/objects/{kind}/{identifier}?said=done")

    async def resend(self, request: Request) -> Response:
        identifier = request.path_params["id"]
        self._simulator.act(identifier, Resend())
        return _see(f"/events/{identifier}?said=sent")

    async def advance(self, request: Request) -> Response:
        given = (await _form(request)).get("seconds", "")
        if given not in {str(seconds) for seconds in STEPS}:
            raise HTTPException(400)
        self._simulator.advance(float(given))
        return _see("/?said=advanced")

    async def set_plan(self, request: Request) -> Response:
        name = request.path_params["plan"]
        if name not in PLANS:
            raise HTTPException(404)
        form = await _form(request)
        text = form.get("plan", "")
        try:
            plan: Any = PLANS[name].presets.get(form.get("preset", "")) or msgspec.json.decode(
                text or "{}", type=PLANS[name].plan
            )
        except msgspec.DecodeError as error:
            return self._plans(request, wrong=name, text=text, problem=str(error), status=400)
        self._set(name, plan)
        return _see(f"/plans?said={'cleared' if plan == PLANS[name].plan() else 'set'}")

    def _set(self, name: str, plan: Any) -> None:
        match name:
            case "faults":
                self._simulator.set_faults(plan)
            case "payments":
                self._simulator.set_payments(plan)
            case "refunds":
                self._simulator.set_refunds(plan)

    # -------------------------------------------------------------------------------------- shared

    def _all_plans(self) -> dict[str, Any]:
        return {
            "faults": self._simulator.fault_plan,
            "payments": self._simulator.payment_plan,
            "refunds": self._simulator.refund_plan,
        }

    def _in_force(self) -> dict[str, Any]:
        """The plans that say something."""
        return {name: plan for name, plan in self._all_plans().items() if plan != PLANS[name].plan()}

    @staticmethod
    def _kind(request: Request) -> str:
        kind: str = request.path_params["kind"]
        if kind not in views.KINDS:
            raise HTTPException(404)
        return kind

    def _page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        said = SAID.get(request.query_params.get("said", ""), "")
        content = self._templates.get_template(template).render(path=request.url.path, said=said, **values)
        return HTMLResponse(content, status)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, StripeError)
        return self._page(
            request, "message.html", title="Not possible", text=error.message, status=error.status
        )

    async def _not_there(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = "There is no such page, or the object is gone: the simulator forgets everything when it stops."
        return self._page(request, "message.html", title="Not found", text=text, status=error.status_code)


async def _form(request: Request) -> dict[str, str]:
    given = decode((await request.body()).decode("utf-8", "replace"))
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return int(text) if text.isdecimal() and len(text) < 7 else 1


def _see(address: str) -> Response:
    return RedirectResponse(address, 303)


class _SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
