"""PUT /customers/{customer_id}: create, retrieve or adopt the customer's Stripe customer."""

import os
import time
from typing import Annotated

import msgspec

from mandates.api.callers import Scope, caller_of
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.core.errors import InsufficientScope
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import REQUEST_SECONDS
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.setup.customers import Customers
from mandates.store import tables


class Settings(StripeAccess, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    customers_table: str
    events_table: str
    mandates_table: str
    stripe_subjects_table: str


# Stripe's own limits: https://docs.stripe.com/api/customers/create. "$(?!\n)" is the end in Python and in
# JavaScript; a bare "$" lets Python take a newline after it. White space is spelled out: "\s" is not the
# same in both.
_PART = r"[^\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000@]+"
_EMAIL = rf"^{_PART}@{_PART}$(?!\n)"
Email = Annotated[str, msgspec.Meta(min_length=3, max_length=512, pattern=_EMAIL)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
StripeCustomerId = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^cus_[A-Za-z0-9_]+$(?!\n)")]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    email: Email | msgspec.UnsetType = msgspec.UNSET
    name: Name | msgspec.UnsetType = msgspec.UNSET
    stripe_customer_id: StripeCustomerId | None = None


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("customers")
stripe = Stripe(configured, within=REQUEST_SECONDS)


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    customer_id = request.path_id("customer_id")
    caller.must_reach(customer_id, Scope.MANDATES_WRITE)
    body = request.body(Body) if request.raw_body() else Body()
    if body.stripe_customer_id and not caller.is_service:
        raise InsufficientScope("only a service may adopt a Stripe customer: leave stripe_customer_id out")
    given = {"email": body.email, "name": body.name}
    profile = {name: value for name, value in given.items() if isinstance(value, str)}
    customers = Customers(stripe.gateway().customers, configured.owner_mark, time.time, os.urandom)
    saved = customers.save(customer_id, profile, adopt=body.stripe_customer_id)
    return Response(
        201 if saved.created else 200,
        {"customer_id": saved.customer_id, "stripe_customer_id": saved.stripe_customer_id},
    )
