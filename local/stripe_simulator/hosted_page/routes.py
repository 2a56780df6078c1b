"""The hosted page's routes: what a buyer's browser asks for, and where it is sent next."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.stripe_simulator.dispatcher import Dispatcher
from local.stripe_simulator.errors import NotPossible
from local.stripe_simulator.forms import decode
from local.stripe_simulator.objects import Json
from local.stripe_simulator.resources.checkout_sessions import Authorize, Choose, Decline, Visit
from local.stripe_simulator.resources.mandates import Acceptance
from local.stripe_simulator.simulator import Simulator

from . import rendering


class HostedPage:
    def __init__(self, simulator: Simulator, dispatcher: Dispatcher) -> None:
        self._simulator = simulator
        self._settings = simulator.settings
        self._dispatcher = dispatcher

    def routes(self) -> list[Route]:
        return [
            Route("/c/pay/{session}", self.show, methods=["GET"]),
            Route("/c/pay/{session}", self.leave, methods=["POST"]),
            Route("/c/{kind}/{session}", self.show_test_page, methods=["GET"]),
            Route("/c/{kind}/{session}/authorize", self.authorize, methods=["POST"]),
            Route("/c/{kind}/{session}/fail", self.fail, methods=["POST"]),
            Route("/c/{rest:path}", self.unknown),
        ]

    async def show(self, request: Request) -> Response:
        session, intent = self._find(request)
        if session["status"] != "open":
            return self._closed(session)
        return _html(rendering.checkout(self._settings, session, intent))

    async def leave(self, request: Request) -> Response:
        """The buyer chose how to pay. Without a required consent they see the page again."""
        session, intent = self._find(request)
        if session["status"] != "open":
            return self._closed(session)
        form = decode((await request.body()).decode())
        kind = str(form.get("payment_method", ""))
        accepted = form.get("terms_of_service") == "accepted" or not rendering.terms_required(session)
        if kind not in session["payment_method_types"] or not accepted:
            return _html(rendering.checkout(self._settings, session, intent), 400)
        self._simulator.act(session["id"], Choose(kind))
        return _see_other(f"/c/{kind}/{session['id']}")

    async def show_test_page(self, request: Request) -> Response:
        session, _ = self._find(request)
        if session["status"] != "open":
            return self._closed(session)
        kind = request.path_params["kind"]
        if kind not in session["payment_method_types"]:
            return _html(rendering.message(self._settings, "Not found", "There is no such page."), 404)
        return _html(rendering.test_page(self._settings, session, kind))

    async def authorize(self, request: Request) -> Response:
        """Back to the shop, after its webhook has answered or has had its time to."""
        session, _ = self._find(request)
        address = request.client.host if request.client else "127.0.0.1"
        acceptance = Acceptance(address, request.headers.get("user-agent", ""))
        try:
            completed = self._simulator.act(session["id"], Authorize(acceptance=acceptance))
        except NotPossible:
            return self._closed(session)
        await self._dispatcher.first_answers(completed["event"], self._settings.redirect_wait)
        return _see_other(rendering.success_url(session))

    async def fail(self, request: Request) -> Response:
        session, _ = self._find(request)
        try:
            self._simulator.act(session["id"], Decline())
        except NotPossible:
            return self._closed(session)
        return _see_other(f"/c/pay/{session['id']}")

    async def unknown(self, _request: Request) -> Response:
        raise HTTPException(404)

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        text = "There is no such Checkout Session. The link may be incomplete."
        return _html(rendering.message(self._settings, "Not found", text), 404)

    def _find(self, request: Request) -> tuple[Json, Json]:
        """The session and its SetupIntent."""
        found = self._simulator.act(request.path_params["session"], Visit())
        return found["checkout_session"], found["setup_intent"]

    def _closed(self, session: Json) -> Response:
        return _html(rendering.closed(self._settings, session), 410)


def _html(content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(content, status, headers=rendering.HEADERS)


def _see_other(url: str) -> RedirectResponse:
    return RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
