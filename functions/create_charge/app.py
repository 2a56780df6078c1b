"""POST /mandates/{mandate_id}/charges: decide, reserve, charge once."""

import os
import time

from mandates.api.callers import Scope, caller_of
from mandates.api.charge_requests import ChargeBody, idempotency_key
from mandates.api.charge_views import charge_view
from mandates.api.ownership import mandate_for_service
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.charges.advancing import advance
from mandates.charges.context import Charging
from mandates.charges.reserving import Order, Reserved, reserve
from mandates.charges.rules import rules_of
from mandates.core.charging.head import Charge, ChargeDetails, Params
from mandates.core.clock import Instant
from mandates.core.errors import Busy, ChargeRefused, MandatesError
from mandates.core.mandate import Mandate
from mandates.gateway import payment_intents
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.client import Gateway
from mandates.gateway.politeness import REQUEST_SECONDS
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import correlate, count, logger
from mandates.store import tables
from mandates.store.charges import read_charge
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import StoreError
from mandates.store.refusals import count_refusal


class Settings(StripeAccess, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    send_stripe_mandate: bool
    statement_descriptor: str = ""
    charge_only_after_return: bool
    refuse_charges_while_disputed: bool
    retry_days: str
    charges_table: str
    events_table: str
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


class Body(ChargeBody):
    pass


configured = settings.read_settings(Settings, os.environ)
rules = rules_of(configured)
tables.bind(settings.table_names(configured))
tables.warm("charges")
stripe = Stripe(configured, within=REQUEST_SECONDS)


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    try:
        return charged(request)
    except StoreError as error:
        logger.exception("the charges can't be read or written")
        raise Busy("nobody can say whether there is a charge: send the same request again") from error


def charged(request: Request) -> Response:
    gateway = stripe.gateway()  # now, so that all of the request has one deadline
    caller = caller_of(request.authorizer, time.time())
    mandate = mandate_for_service(caller, request.path_id("mandate_id"), Scope.CHARGES_WRITE)
    order = Order(
        mandate_id=mandate.mandate_id,
        idempotency_key=idempotency_key(request),
        details=request.body(Body).details,
        actor=caller.subject,
    )
    reserved = reserved_for(order)
    correlate(charge_id=reserved.charge.charge_id)
    charge = advanced(reserved.charge, gateway) if reserved.created else reserved.charge
    return Response(201 if reserved.created else 200, charge_view(charge, for_service=True))


def reserved_for(order: Order) -> Reserved:
    try:
        reserved = reserve(
            order,
            create_params,
            time.time,
            os.urandom,
            rules=rules,
        )
    except ChargeRefused as refused:
        count("ChargesRefused")
        remember(order.mandate_id, refused)
        raise
    if reserved.created:
        count("ChargesReserved")
    return reserved


def remember(mandate_id: str, refused: ChargeRefused) -> None:
    """For the evidence. The answer does not depend on it."""
    try:
        count_refusal(mandate_id, refused.extra["reasons"], Instant(time.time()))
    except (StoreError, Conflict):
        logger.warning("a refused charge was not counted", exc_info=True)


def advanced(charge: Charge, gateway: Gateway) -> Charge:
    """The charge as far as it gets within this request. The charge exists, and the sweeper goes on with it:
    whatever goes wrong now is no error. Raises StoreError if nobody can say how the charge stands."""
    charging = Charging(
        gateway=gateway,
        clock=time.time,
        time_left=stripe.time_left,
        owner_mark=configured.owner_mark,
        rules=rules,
        send_stripe_mandate=configured.send_stripe_mandate,
    )
    try:
        return advance(charge, charging)
    except (MandatesError, StoreError) as error:
        logger.warning("the charge goes on later", extra={"error": type(error).__name__})
        return read_charge(charge.charge_id) or charge


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
