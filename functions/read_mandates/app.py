"""GET /mandates/{mandate_id}, /mandates, /customers/{customer_id}/mandates and /customers/{customer_id}."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from mandates.api.callers import NOT_YOURS, Caller, Scope, caller_of
from mandates.api.cursors import from_cursor, page_size, to_cursor
from mandates.api.days import day_asked
from mandates.api.ownership import ledger_status, mandate_for
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.api.views import agreement_view, ledger_view, mandate_view
from mandates.charges.agreements import agreements
from mandates.core.errors import NotFound
from mandates.core.mandate import Mandate, Status
from mandates.ledger.contributing import statuses
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.store import tables
from mandates.store.by_day import mandates_of_day
from mandates.store.customers import read_customer
from mandates.store.mandates import LedgerPosition, Position, last_entry, page_of_ledger, page_of_mandates


class Settings(msgspec.Struct, frozen=True):
    allowed_origins: frozenset[str]
    charges_table: str
    customers_table: str
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("mandates")


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    route = ROUTES.get(request.resource)
    if route is None:
        raise NotFound(NOT_YOURS)
    return route(request, caller)


def one_mandate(request: Request, caller: Caller) -> Response:
    mandate = mandate_for(caller, request.path_id("mandate_id"), Scope.MANDATES_READ)
    after = from_cursor(request.query.get("cursor"), LedgerPosition)
    entries, position = page_of_ledger(mandate, page_size(request.query), after)
    status = statuses([mandate])[mandate.mandate_id]
    return Response(
        200,
        {
            **shown([mandate], {mandate.mandate_id: status})[0],
            "ledger_status": ledger_status(mandate, status, last_entry(mandate)),
            "ledger": ledger_view(entries),
            "next_cursor": to_cursor(position) if position else None,
        },
    )


def mandates_of_customer(request: Request, caller: Caller) -> Response:
    customer_id = request.path_id("customer_id")
    caller.must_reach(customer_id, Scope.MANDATES_READ)
    after = from_cursor(request.query.get("cursor"), Position)
    mandates, position = page_of_mandates(customer_id, page_size(request.query), after)
    return Response(
        200,
        {
            "mandates": shown(mandates, statuses(mandates)),
            "next_cursor": to_cursor(position) if position else None,
        },
    )


def mandates_of_a_day(request: Request, caller: Caller) -> Response:
    caller.must_be_service(Scope.MANDATES_READ)
    asked = day_asked(request.query, tuple(Status))
    found, position = mandates_of_day(asked.day, asked.limit, asked.after)
    known = statuses(found)
    mandates = [one for one in found if asked.wants(known[one.mandate_id])]
    return Response(
        200,
        {
            "mandates": shown(mandates, known),
            "next_cursor": to_cursor(position) if position else None,
        },
    )


def shown(mandates: Sequence[Mandate], known: Mapping[str, Status]) -> list[dict[str, Any]]:
    """With the permission, and what is used of it now. `known` are their statuses by id."""
    agreed = agreements(mandates, int(time.time()))
    return [
        {**mandate_view(one, known[one.mandate_id]), **agreement_view(agreed.get(one.mandate_id))}
        for one in mandates
    ]


def one_customer(request: Request, caller: Caller) -> Response:
    customer_id = request.path_id("customer_id")
    caller.must_reach(customer_id, Scope.MANDATES_READ)
    customer = read_customer(customer_id)
    if customer is None or customer.stripe_customer_id is None:
        raise NotFound(NOT_YOURS)
    return Response(
        200,
        {
            "customer_id": customer_id,
            "stripe_customer_id": customer.stripe_customer_id,
            "created_at": customer.created_at,
        },
    )


ROUTES: dict[str, Callable[[Request, Caller], Response]] = {
    "/mandates": mandates_of_a_day,
    "/mandates/{mandate_id}": one_mandate,
    "/customers/{customer_id}/mandates": mandates_of_customer,
    "/customers/{customer_id}": one_customer,
}
