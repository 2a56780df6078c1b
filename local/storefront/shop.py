"""The shop's pages for its customers: the product, signing in, Amazon Pay, orders, their account."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.storefront.api import Api
from local.storefront.languages import language_of
from local.storefront.ordering import Ordering, is_settled
from local.storefront.orders import Order, Orders, is_number, new_number
from local.storefront.rendering import page
from local.storefront.running import NotReady, RunningStack
from local.storefront.sessions import Session, Sessions, form_of, is_from_here
from local.storefront.tokens import Tokens, subject
from local.storefront.words import said_of


@dataclass(frozen=True)
class Shopper:
    """One of the two customers who can sign in here, in place of a sign-in with a password."""

    name: str
    email: str


@dataclass(frozen=True)
class Product:
    """`amount` is in minor units, with tax and shipping."""

    name: str
    item: str
    amount: int
    currency: str


SHOPPERS: Mapping[str, Shopper] = {
    "customer": Shopper("Mara Lindqvist", "mara@example.com"),
    "other_customer": Shopper("Jonas Okafor", "jonas@example.com"),
}
"""By their names in stack.json."""

_ANOTHER = re.compile(r"shopper-[0-9a-f]{12}")
"""Customers that tests sign up, with the password of those two: one customer may begin only ten checkouts an
hour."""

PRODUCT = Product("Morning Blend", "Morning Blend, two bags", 2400, "usd")

# Where signing in may lead: a fixed list, so that no link can make it lead elsewhere.
_AFTER_SIGN_IN = {"/", "/order", "/amazon-pay", "/account"}

_OF_ONE_CUSTOMER = {"account.html", "order.html", "record.html"}
"""Pages with orders or ids in them. After a sign-out, no browser shows them to whoever goes back."""


class Shop:
    def __init__(self, running: RunningStack, tokens: Tokens, api: Api, browsers_api: str) -> None:
        self._running = running
        self._tokens = tokens
        self._api = api
        self._browsers_api = browsers_api
        self._ordering = Ordering(api)
        self._orders = Orders()
        self._sessions = Sessions("shop")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.product),
            Route("/sign-in", self.sign_in_page),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/token", self.token, methods=["POST"]),
            Route("/order", self.review),
            Route("/orders", self.place_order, methods=["POST"]),
            Route("/orders/{number}", self.order),
            Route("/amazon-pay", self.amazon_pay),
            Route("/account", self.account),
            Route("/account/record", self.record),
        ]

    async def product(self, request: Request) -> Response:
        return self._page(request, "product.html", number=new_number(), mandate=await self._mandate(request))

    async def sign_in_page(self, request: Request) -> Response:
        wanted = _safe(request.query_params.get("to", "/"))
        return self._page(request, "sign_in.html", shoppers=SHOPPERS, to=wanted)

    async def sign_in(self, request: Request) -> Response:
        session = self._sessions.of(request)
        form = await form_of(request, session)
        response = RedirectResponse(_safe(form.get("to", "/")), 303)
        if session and shopper_of(form.get("customer")):
            known = Session(customer=form["customer"], ordering=session.ordering)
            self._sessions.begin(request, response, known)
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
        return JSONResponse({"token": token}, headers={"Cache-Control": "no-store"})

    async def review(self, request: Request) -> Response:
        """The order before it is placed, for those who had to sign in or save Amazon Pay first."""
        if self._shopper(request) is None:
            return RedirectResponse("/sign-in?to=/order", 303)
        mandate = await self._mandate(request)
        if mandate is None:
            return RedirectResponse("/amazon-pay", 303)
        return self._page(request, "review.html", number=new_number(), mandate=mandate)

    async def place_order(self, request: Request) -> Response:
        """The same form sent twice is one order: its number comes with the form."""
        session = self._sessions.of(request)
        form = await form_of(request, session)
        assert session  # form_of refuses a form without one
        if session.customer is None:
            session.ordering = True
            return RedirectResponse("/sign-in?to=/order", 303)
        number = form.get("number", "")
        if not is_number(number):
            number = new_number()
        if self._orders.get(number, session.customer) is None:
            mandate = await self._ordering.active_mandate(await self._customer_id(session.customer))
            if mandate is None:
                session.ordering = True
                return RedirectResponse("/amazon-pay", 303)
            order = self._orders.add(_order(number, session.customer, mandate["mandate_id"]))
            if order.customer != session.customer:
                raise HTTPException(404)
            session.ordering = False
            await self._ordering.charge(order)
        return RedirectResponse(f"/orders/{number}", 303)

    async def order(self, request: Request) -> Response:
        session = self._sessions.of(request)
        order = self._orders.get(request.path_params["number"], session.customer if session else None)
        if order is None:
            raise HTTPException(404)
        await self._ordering.follow(order)
        return self._page(
            request,
            "order.html",
            order=order,
            said=said_of(order, _language(request)),
            settled=is_settled(order),
        )

    async def amazon_pay(self, request: Request) -> Response:
        """Sets up Amazon Pay; Stripe sends the customer back to here, too."""
        session = self._sessions.of(request)
        returned = "checkout_session_id" in request.query_params
        if not returned and self._shopper(request) is None:
            return RedirectResponse("/sign-in?to=/amazon-pay", 303)
        here = quote(f"/amazon-pay?{request.url.query}" if returned else "/amazon-pay", safe="/")
        return self._page(request, "amazon_pay.html", here=here, ordering=bool(session and session.ordering))

    async def account(self, request: Request) -> Response:
        session = self._sessions.of(request)
        if session is None or session.customer is None:
            return RedirectResponse("/sign-in?to=/account", 303)
        orders, language = self._orders.of(session.customer), _language(request)
        for order in orders[:10]:
            if not is_settled(order):
                await self._ordering.follow(order)
        return self._page(
            request, "account.html", orders=[(order, said_of(order, language)) for order in orders]
        )

    async def record(self, request: Request) -> Response:
        """The ids and the ledgers behind the account: what is on record, for those who want to know."""
        session = self._sessions.of(request)
        if session is None or session.customer is None:
            return RedirectResponse("/sign-in?to=/account", 303)
        customer_id = await self._customer_id(session.customer)
        path = f"/customers/{quote(customer_id, safe='')}/mandates"
        listed = await self._api.read(f"{path}?limit=10")
        mandates = [await self._api.read(f"/mandates/{one['mandate_id']}") for one in listed["mandates"]]
        return self._page(request, "record.html", customer_id=customer_id, mandates=mandates)

    async def _mandate(self, request: Request) -> dict[str, Any] | None:
        """The mandate that pays the visitor's next order. None also if it can't be found out now."""
        session = self._sessions.of(request)
        if session is None or session.customer is None:
            return None
        try:
            return await self._ordering.active_mandate(await self._customer_id(session.customer))
        except (httpx.HTTPError, NotReady):
            return None

    async def _customer_id(self, customer: str) -> str:
        known: dict[str, str] = self._running.described()["customer_ids"]
        return known.get(customer) or subject(await run_in_threadpool(self._tokens.of, customer))

    def _shopper(self, request: Request) -> Shopper | None:
        session = self._sessions.of(request)
        return shopper_of(session.customer) if session else None

    def _page(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """Every page has a form to sign in or out, so every browser gets a session."""
        session = self._sessions.of(request)
        known = session or Session()
        values |= {"shopper": self._shopper(request), "product": PRODUCT, "api": self._browsers_api}
        headers = {"Cache-Control": "no-store"} if template in _OF_ONE_CUSTOMER else None
        response = page(template, known, _language(request), headers=headers, **values)
        if session is None:
            self._sessions.begin(request, response, known)
        return response


def _order(number: str, customer: str, mandate_id: str) -> Order:
    return Order(
        number=number,
        customer=customer,
        mandate_id=mandate_id,
        item=PRODUCT.item,
        amount=PRODUCT.amount,
        currency=PRODUCT.currency,
        placed_at=datetime.now(UTC),
    )


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))


def _safe(wanted: str) -> str:
    """`wanted`, if it is one of our pages with any query; otherwise the first page."""
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or parts.path not in _AFTER_SIGN_IN or not wanted.startswith(parts.path):
        return "/"
    return wanted


async def _asks_for_another(request: Request) -> bool:
    try:
        asked = await request.json()
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("refresh") is True


def shopper_of(customer: str | None) -> Shopper | None:
    """Who signs in under that name. Nobody can as `service`: no browser gets its token."""
    if customer and _ANOTHER.fullmatch(customer):
        return Shopper("Kim Sato", f"{customer}@example.com")
    return SHOPPERS.get(customer or "")
