"""POST /mandates/{mandate_id}/charges: decide, reserve, charge once."""

import os
import time

import msgspec

from mandates.api.callers import Scope, caller_of
from mandates.api.charge_requests import ChargeBody, idempotency_key
from mandates.api.charge_views import charge_view
from mandates.api.ownership import mandate_for_service
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.charges.reserving import Order, reserve
from mandates.core.charging.head import ChargeDetails, Params
from mandates.core.errors import ChargeRefused
from mandates.core.mandate import Mandate
from mandates.gateway import payment_intents
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import correlate, count
from mandates.store import tables


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    owner_mark: str
    charge_only_after_return: bool
    statement_descriptor: str = ""
    charges_table: str
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


class Body(ChargeBody):
    pass


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    mandate = mandate_for_service(caller, request.path_id("mandate_id"), Scope.CHARGES_WRITE)
    order = Order(
        mandate_id=mandate.mandate_id,
        idempotency_key=idempotency_key(request),
        details=request.body(Body).details,
        actor=caller.subject,
    )
    try:
        reserved = reserve(
            order, create_params, time.time, return_required=configured.charge_only_after_return
        )
    except ChargeRefused:
        count("ChargesRefused")
        raise
    correlate(charge_id=reserved.charge.charge_id)
    if reserved.created:
        count("ChargesReserved")
    return Response(201 if reserved.created else 200, charge_view(reserved.charge, for_service=True))


def create_params(mandate: Mandate, charge_id: str, details: ChargeDetails) -> Params:
    return payment_intents.create_params(
        charge_id=charge_id,
        mandate_id=mandate.mandate_id,
        owner_mark=configured.owner_mark,
        stripe_customer_id=mandate.stripe_customer_id,
        amount=details.amount,
        currency=details.currency,
        reference=details.reference,
        description=details.description,
        statement_descriptor=configured.statement_descriptor or None,
    )
