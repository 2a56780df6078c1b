"""Customers with tokens of their own, and the ways their set-ups can go."""

import random
import secrets
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import quote

import jwt

from local.journey import consent_to
from tests.live.stack import Json, LiveStack

CONCURRENCY = 4  # on two cores more only wait for each other

WAYS = {
    "authorised": 60,
    "declined, then authorised": 8,
    "declined, then expired": 5,
    "left, another begun": 5,
    "revoked with us": 8,
    "revoked at Amazon": 7,
    "detached at Stripe": 7,
}
"""What a set-up comes to, and how often in a hundred."""

DELETED = 0.05
"""The share of customers whom the business deletes at Stripe in the end."""


@dataclass
class Shopper:
    customer_id: str
    token: str
    stripe_customer_id: str = ""


@dataclass
class Made:
    """What was done, to hold the outcome against."""

    shoppers: list[Shopper] = field(default_factory=list)
    mandates: dict[str, str] = field(default_factory=dict)
    """The way each went, by mandate id."""
    ways: Counter[str] = field(default_factory=Counter)


def sign_up(stack: LiveStack, count: int) -> list[Shopper]:
    """New users of the stack's own user pool, with tokens."""
    cognito = stack.aws("cognito-idp")
    pool_id = stack.described["issuer"].rpartition("/")[2]
    client_id = jwt.decode(stack.described["tokens"]["customer"], options={"verify_signature": False})[
        "client_id"
    ]
    password = f"{secrets.token_urlsafe(18)}aA1!"

    def one(_: int) -> Shopper:
        username = f"{uuid.uuid4().hex}@example.com"
        user = cognito.admin_create_user(UserPoolId=pool_id, Username=username, MessageAction="SUPPRESS")[
            "User"
        ]
        cognito.admin_set_user_password(
            UserPoolId=pool_id, Username=username, Password=password, Permanent=True
        )
        signed_in = cognito.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )["AuthenticationResult"]
        sub = next(attribute["Value"] for attribute in user["Attributes"] if attribute["Name"] == "sub")
        return Shopper(sub, signed_in["AccessToken"])

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return list(pool.map(one, range(count)))


class Shopping:
    """Set-ups by several customers at once, each going one way of those there are."""

    def __init__(self, stack: LiveStack, seed: int) -> None:
        self._stack = stack
        self._seed = seed
        self._terms = stack.http.get(f"{stack.described['api_url']}/terms/current").raise_for_status().json()
        self._lock = Lock()
        self.made = Made()

    def go(self, shoppers: Sequence[Shopper], mandates: int) -> None:
        """Have these customers make that many mandates in all, one after the other for each."""
        share, rest = divmod(mandates, len(shoppers))
        counts = [share + (1 if number < rest else 0) for number in range(len(shoppers))]
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            list(pool.map(self._visit, shoppers, counts, range(len(shoppers))))

    def _visit(self, shopper: Shopper, mandates: int, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        self.become_customer(shopper)
        for _ in range(mandates):
            way = chance.choices(list(WAYS), list(WAYS.values()))[0]
            mandate_id = self._go_one_way(shopper, way)
            with self._lock:
                self.made.mandates[mandate_id] = way
                self.made.ways[way] += 1
        if chance.random() < DELETED:
            self._stack.control(f"customers/{shopper.stripe_customer_id}/delete")
            with self._lock:
                self.made.ways["(customer deleted)"] += 1

    def become_customer(self, shopper: Shopper) -> None:
        path = f"/customers/{quote(shopper.customer_id, safe='')}"
        answer = self._stack.call("PUT", path, shopper.token, {})
        shopper.stripe_customer_id = answer["stripe_customer_id"]
        with self._lock:
            self.made.shoppers.append(shopper)

    def begin(self, shopper: Shopper) -> Json:
        """A new session: no two ask for the same return address."""
        shop = f"{self._stack.described['storefront_url']}/{uuid.uuid4()}"
        body = {
            **consent_to(self._terms),
            "success_url": f"{shop}/return",
            "cancel_url": f"{shop}/cart",
        }
        return self._stack.call("POST", "/checkout-sessions", shopper.token, body)

    def authorise(self, session: Json) -> str:
        """Returns the payment method's id."""
        answer = self._stack.control(f"sessions/{session['checkout_session_id']}/authorize")
        return str(answer["setup_intent"]["payment_method"])

    def _go_one_way(self, shopper: Shopper, way: str) -> str:
        session = self.begin(shopper)
        address = f"sessions/{session['checkout_session_id']}"
        if way.startswith("declined"):
            self._stack.control(f"{address}/decline")
        if way == "declined, then expired":
            self._stack.control(f"{address}/expire")
        elif way != "left, another begun":
            payment_method_id = self.authorise(session)
            if way == "revoked with us":
                self._stack.call("POST", f"/mandates/{session['mandate_id']}/revoke", shopper.token)
            elif way == "revoked at Amazon":
                self._stack.control(f"payment_methods/{payment_method_id}/revoke_at_amazon")
            elif way == "detached at Stripe":
                self._stack.control(f"payment_methods/{payment_method_id}/detach")
        return str(session["mandate_id"])
