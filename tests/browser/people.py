"""Customers of the running shop, each with what their test needs. Only what a test is about is clicked."""

import re
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from local import stack_file
from local.journey import Business, Customer
from tests.live.stack import LiveStack

Json = dict[str, Any]

_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Person:
    """`name` is the one that the shop signs them in by."""

    name: str
    api: Customer

    @property
    def customer_id(self) -> str:
        return self.api.customer_id


def sign_up(live: LiveStack) -> Person:
    """A new customer: one customer may begin ten checkouts in an hour.

    They have the password of the stack's own customers, with which its shop gets their tokens.
    """
    remembered = stack_file.read(Path(live.described["state_dir"]) / "state.json") or {}
    identity, cognito = remembered["identity"], live.aws("cognito-idp")
    name = f"shopper-{secrets.token_hex(6)}"
    username, password = f"{name}@example.com", identity["password"]
    pool = identity["issuer"].rpartition("/")[2]
    cognito.admin_create_user(UserPoolId=pool, Username=username, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=True)
    signed_in = cognito.initiate_auth(
        ClientId=identity["customer_client_id"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": password},
    )["AuthenticationResult"]
    attributes = cognito.admin_get_user(UserPoolId=pool, Username=username)["UserAttributes"]
    customer_id = next(attribute["Value"] for attribute in attributes if attribute["Name"] == "sub")
    return Person(name, Customer(live.described["api_url"], signed_in["AccessToken"], customer_id))


def sign_in(context: BrowserContext, person: Person) -> None:
    """Get the shop's cookie without clicking."""
    _post_form_of(context, "/sign-in", to="/", customer=person.name)


def sign_in_as_merchant(context: BrowserContext) -> None:
    """Get the console's cookie without clicking."""
    _post_form_of(context, "/console/sign-in", to="/console/")


def _post_form_of(context: BrowserContext, address: str, **fields: str) -> None:
    page = context.request.get(address).text()
    found = _CSRF.search(page)
    assert found, page
    form = {"csrf_token": found[1], **fields}
    answer = context.request.post(address, form=form, max_redirects=0)
    assert answer.status == 303, answer.text()


def begin(live: LiveStack, person: Person) -> Json:
    """A checkout session that is left open."""
    person.api.become_customer()
    page = f"{live.described['storefront_url']}/amazon-pay"
    return person.api.accept(person.api.current_terms(), success_url=page, cancel_url=page)


def save_account(live: LiveStack, person: Person) -> str:
    """Returns the id of the mandate, which is active."""
    session = begin(live, person)
    live.control(f"sessions/{session['checkout_session_id']}/authorize")
    return str(person.api.mandate_once(session["mandate_id"], "active")["mandate_id"])


def mandates_of(live: LiveStack, person: Person, status: str = "active") -> list[str]:
    listed = live.call("GET", f"/customers/{person.customer_id}/mandates", person.api.token)["mandates"]
    return [str(mandate["mandate_id"]) for mandate in listed if mandate["status"] == status]


def charge(business: Business, mandate_id: str, amount: int = 2400) -> Json:
    """A charge that succeeded. `amount` is in cents."""
    reserved = business.charge(
        mandate_id,
        idempotency_key=str(uuid.uuid4()),
        amount=amount,
        currency="usd",
        reference=f"order-{uuid.uuid4()}",
        description="Morning Blend, two bags",
    )
    return business.charge_once(reserved["charge_id"], "succeeded")


def refund(business: Business, charge_id: str, amount: int) -> None:
    """`amount` is in cents."""
    business.refund(
        charge_id, idempotency_key=str(uuid.uuid4()), amount=amount, reason="requested_by_customer"
    )
