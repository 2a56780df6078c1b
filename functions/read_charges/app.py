"""GET /mandates/{mandate_id}/charges, /mandates/{mandate_id}/notices, /charges, /charges/{charge_id} and
/charges/{charge_id}/refunds; POST /mandates/{mandate_id}/charges/check.

The last says whether a charge is permitted, and changes nothing.
"""

import os
import time
from collections.abc import Callable

import msgspec

from mandates.api.callers import NOT_YOURS, Caller, Scope, caller_of
from mandates.api.charge_ownership import charge_for
from mandates.api.charge_requests import ChargeBody, Time, checked_at
from mandates.api.charge_views import books_view, charge_view, decision_view
from mandates.api.cursors import from_cursor, page_size, to_cursor
from mandates.api.days import day_asked
from mandates.api.notice_views import notice_view
from mandates.api.ownership import mandate_for, mandate_for_service
from mandates.api.refund_views import refund_view
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.charges.agreements import agreed_terms
from mandates.charges.reserving import check
from mandates.charges.rules import rules_of
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.refunds import refunds
from mandates.core.errors import NotFound
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.store import tables
from mandates.store.by_day import charges_of_day
from mandates.store.charges import ChargePosition, page_of_charges
from mandates.store.movements import movements_of
from mandates.store.notices import NoticePosition, page_of_notices


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    charge_only_after_return: bool
    refuse_charges_while_disputed: bool
    retry_days: str
    charges_table: str
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


class Body(ChargeBody):
    at: Time | None = None


configured = settings.read_settings(Settings, os.environ)
rules = rules_of(configured)
tables.bind(settings.table_names(configured))
tables.warm("charges")


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    route = ROUTES.get(request.resource)
    if route is None:
        raise NotFound(NOT_YOURS)
    return route(request, caller)


def charges_of_mandate(request: Request, caller: Caller) -> Response:
    mandate = mandate_for(caller, request.path_id("mandate_id"), Scope.MANDATES_READ)
    after = from_cursor(request.query.get("cursor"), ChargePosition)
    charges, position = page_of_charges(mandate.mandate_id, page_size(request.query), after)
    return Response(
        200,
        {
            "charges": [charge_view(charge, for_service=caller.is_service) for charge in charges],
            "next_cursor": to_cursor(position) if position else None,
        },
    )


def charges_of_a_day(request: Request, caller: Caller) -> Response:
    caller.must_be_service(Scope.MANDATES_READ)
    asked = day_asked(request.query, tuple(ChargeStatus))
    found, position = charges_of_day(asked.day, asked.limit, asked.after)
    charges = [charge for charge in found if asked.wants(charge.status)]
    return Response(
        200,
        {
            "charges": [charge_view(charge, for_service=True) for charge in charges],
            "next_cursor": to_cursor(position) if position else None,
        },
    )


def notices_of_mandate(request: Request, caller: Caller) -> Response:
    mandate = mandate_for(caller, request.path_id("mandate_id"), Scope.MANDATES_READ)
    terms = agreed_terms(mandate.terms_version, mandate.terms_digest)
    after = from_cursor(request.query.get("cursor"), NoticePosition)
    notices, position = page_of_notices(mandate.mandate_id, page_size(request.query), after)
    return Response(
        200,
        {
            "notices": [
                notice_view(notice, mandate.mandate_id, terms, for_service=caller.is_service)
                for notice in notices
            ],
            "next_cursor": to_cursor(position) if position else None,
        },
    )


def one_charge(request: Request, caller: Caller) -> Response:
    charge = charge_for(caller, request.path_id("charge_id"), Scope.MANDATES_READ)
    books = books_view(movements_of(charge.charge_id)) if caller.is_service else {}
    return Response(200, {**charge_view(charge, for_service=caller.is_service), **books})


def refunds_of_charge(request: Request, caller: Caller) -> Response:
    charge = charge_for(caller, request.path_id("charge_id"), Scope.MANDATES_READ)
    newest_first = reversed(refunds(charge.facts))
    return Response(
        200, {"refunds": [refund_view(refund, for_service=caller.is_service) for refund in newest_first]}
    )


def check_of_mandate(request: Request, caller: Caller) -> Response:
    mandate = mandate_for_service(caller, request.path_id("mandate_id"), Scope.CHARGES_WRITE)
    body, now = request.body(Body), int(time.time())
    checked = check(
        mandate.mandate_id,
        body.details,
        checked_at(body.at, now),
        time.time,
        rules=rules,
    )
    return Response(200, decision_view(checked.decision, currency=checked.situation.terms.limits.currency))


ROUTES: dict[str, Callable[[Request, Caller], Response]] = {
    "/mandates/{mandate_id}/charges": charges_of_mandate,
    "/mandates/{mandate_id}/notices": notices_of_mandate,
    "/charges": charges_of_a_day,
    "/charges/{charge_id}": one_charge,
    "/charges/{charge_id}/refunds": refunds_of_charge,
    "/mandates/{mandate_id}/charges/check": check_of_mandate,
}
