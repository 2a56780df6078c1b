"""The shop's pages for its customers: the product, signing in, Amazon Pay, their account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.storefront.rendering import page
from local.storefront.running import RunningStack
from local.storefront.sessions import Session, Sessions, form_of, is_from_here
from local.storefront.tokens import Tokens


@dataclass(frozen=True)
class Shopper:
    """One of the two customers who can sign in here, in place of a sign-in with a password."""

    name: str
    email: str


SHOPPERS: Mapping[str, Shopper] = {
    "customer": Shopper("Mara Lindqvist", "mara@example.com"),
    "other_customer": Shopper("Jonas Okafor", "jonas@example.com"),
}
"""By their names in stack.json."""

# Where signing in may lead: a fixed list, so that no link can make it lead elsewhere.
_AFTER_SIGN_IN = {"/", "/amazon-pay", "/account"}


class Shop:
    def __init__(self, running: RunningStack, tokens: Tokens) -> None:
        self._running = running
        self._tokens = tokens
        self._sessions = Sessions("shop")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.product),
            Route("/sign-in", self.sign_in_page),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/token", self.token, methods=["POST"]),
            Route("/amazon-pay", self.amazon_pay),
            Route("/account", self.account),
        ]

    async def product(self, request: Request) -> Response:
        return self._page(request, "product.html")

    async def sign_in_page(self, request: Request) -> Response:
        wanted = request.query_params.get("to", "/")
        return self._page(
            request, "sign_in.html", shoppers=SHOPPERS, to=wanted if wanted in _AFTER_SIGN_IN else "/"
        )

    async def sign_in(self, request: Request) -> Response:
        form = await form_of(request, self._sessions.of(request))
        wanted, who = form.get("to", "/"), form.get("customer", "")
        response = RedirectResponse(wanted if wanted in _AFTER_SIGN_IN else "/", 303)
        if who in SHOPPERS:
            self._sessions.begin(request, response, Session(customer=who))
        return response

    async def sign_out(self, request: Request) -> Response:
        await form_of(request, self._sessions.of(request))
        response = RedirectResponse("/", 303)
        self._sessions.end(request, response)
        return response

    async def token(self, request: Request) -> Response:
        """The signed-in customer's own token, for the page's script. Null if nobody is signed in.

        `{"refresh": true}` asks for another one: the API has refused the last.
        """
        session = self._sessions.of(request)
        if not is_from_here(request):
            return JSONResponse({"token": None}, 403)
        if session is None or session.customer is None:
            return JSONResponse({"token": None})
        fresh = await _asks_for_another(request)
        token = await run_in_threadpool(self._tokens.of, session.customer, fresh=fresh)
        return JSONResponse({"token": token})

    async def amazon_pay(self, request: Request) -> Response:
        """Sets up Amazon Pay; Stripe sends the customer back to here, too."""
        returned = "checkout_session_id" in request.query_params
        if not returned and self._shopper(request) is None:
            return RedirectResponse("/sign-in?to=/amazon-pay", 303)
        return self._page(request, "return.html" if returned else "amazon_pay.html")

    async def account(self, request: Request) -> Response:
        if self._shopper(request) is None:
            return RedirectResponse("/sign-in?to=/account", 303)
        return self._page(request, "account.html")

    def _shopper(self, request: Request) -> Shopper | None:
        session = self._sessions.of(request)
        return SHOPPERS.get(session.customer or "") if session else None

    def _page(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """Every page has a form to sign in or out, so every browser gets a session."""
        session = self._sessions.of(request)
        known = session or Session()
        response = page(template, known, shopper=self._shopper(request), **values)
        if session is None:
            self._sessions.begin(request, response, known)
        return response


async def _asks_for_another(request: Request) -> bool:
    try:
        asked = await request.json()
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("refresh") is True
