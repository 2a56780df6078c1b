"""The console as one mount of the storefront's server, with the way in and out."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from local.storefront import api as business
from local.storefront.console.api import Api
from local.storefront.console.calls import PATH, Call, Desk, forged, see_other
from local.storefront.console.charging import Charging
from local.storefront.console.finding import Finding
from local.storefront.console.looking import Looking
from local.storefront.console.rendering import page
from local.storefront.console.stripe import Stripe
from local.storefront.console.taking_back import TakingBack
from local.storefront.running import RunningStack
from local.storefront.sessions import Forged, Session, Sessions, form_of

STATIC = Path(__file__).parent / "static"


class Console:
    """`calls` reaches the API with the business's own token."""

    def __init__(self, running: RunningStack, calls: business.Api, stripe: Stripe) -> None:
        self._sessions = Sessions("console", path=PATH, same_site="strict")
        self._desk = Desk(running, self._sessions, Api(calls), stripe)

    def mount(self) -> Mount:
        return Mount(
            PATH,
            routes=[
                Route("/sign-in", self.sign_in_page, methods=["GET"]),
                Route("/sign-in", self.sign_in, methods=["POST"]),
                self._desk.acts("/sign-out", self.sign_out),
                Mount("/static", StaticFiles(directory=STATIC)),
                *Finding(self._desk).routes(),
                *Charging(self._desk).routes(),
                *TakingBack(self._desk).routes(),
                *Looking(self._desk).routes(),
            ],
        )

    async def sign_in_page(self, request: Request) -> Response:
        """Its form needs a session, too: nobody else may sign this browser in."""
        session = self._sessions.of(request) or Session()
        response = page("sign_in.html", session, to=_within(request.query_params.get("to", "")))
        self._sessions.begin(request, response, session)
        return response

    async def sign_in(self, request: Request) -> Response:
        try:
            form = await form_of(request, self._sessions.of(request))
        except Forged:
            return forged(None)
        response = see_other(_within(form.get("to", "")))
        self._sessions.begin(request, response, Session(merchant=True))
        return response

    async def sign_out(self, call: Call) -> Response:
        response = see_other(f"{PATH}/sign-in")
        self._sessions.end(call.request, response)
        return response


def _within(wanted: str) -> str:
    """Where signing in leads: to a page of the console, whatever an address says."""
    return (
        wanted if wanted.startswith(f"{PATH}/") and wanted.isascii() and wanted.isprintable() else f"{PATH}/"
    )
