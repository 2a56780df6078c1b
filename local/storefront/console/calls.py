"""What every page of the console has at hand: the session, the API, and the way from a problem to a page."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local.storefront.console import problems
from local.storefront.console.api import Api, ApiProblem
from local.storefront.console.rendering import HEADERS, page
from local.storefront.console.stripe import Stripe
from local.storefront.running import NotReady, RunningStack
from local.storefront.sessions import Forged, Session, Sessions, form_of

PATH = "/console"


@dataclass(frozen=True)
class Call:
    """One request of a signed-in merchant."""

    request: Request
    session: Session
    form: Mapping[str, str]

    def id(self, name: str) -> str:
        return str(self.request.path_params[name])

    def asked(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default).strip()


type Handler = Callable[[Call], Awaitable[Response]]


class Desk:
    """What the pages work with."""

    def __init__(self, running: RunningStack, sessions: Sessions, api: Api, stripe: Stripe) -> None:
        self.running = running
        self.sessions = sessions
        self.api = api
        self.stripe = stripe

    def reads(self, path: str, handler: Handler) -> Route:
        return Route(path, self._for_merchants(handler), methods=["GET"])

    def acts(self, path: str, handler: Handler) -> Route:
        """A POST, which only a form of the merchant's own session may send."""
        return Route(path, self._for_merchants(handler), methods=["POST"])

    def _for_merchants(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            session = self.sessions.of(request)
            if session is None or not session.merchant:
                return to_sign_in(request)
            try:
                form = await form_of(request, session) if request.method == "POST" else {}
                return await handler(Call(request, session, form))
            except Forged:
                return forged(session)
            except ApiProblem as problem:
                told = problems.of_reading if request.method == "GET" else problems.of_problem
                shown = told(problem)
                return page("problem.html", session, problems.status_of(problem), shown=shown)
            except NotReady:
                return not_ready(session)

        return endpoint


def to_sign_in(request: Request) -> Response:
    """A reader signs in first. A form of somebody who is not signed in is refused."""
    if request.method != "GET":
        return forged(None)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = httpx.URL(f"{PATH}/sign-in").copy_merge_params({"to": wanted})
    return see_other(str(target))


def see_other(path: str) -> Response:
    """After a form: reloading the page that comes then sends nothing again."""
    return RedirectResponse(path, 303, headers=HEADERS)


def forged(session: Session | None) -> Response:
    return page(
        "message.html",
        session,
        403,
        title="This form is out of date",
        text="Nothing was done. Your session may have ended. Open the page again.",
    )


def not_ready(session: Session | None) -> Response:
    text = "The stack is being set up on this machine. Load this page again shortly."
    return page("message.html", session, 503, title="Not ready yet", text=text)
