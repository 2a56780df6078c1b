"""POST /charges/{charge_id}/refunds: refund all of a charge or a part of it."""

import os
import time

from mandates.api.callers import Scope, caller_of
from mandates.api.charge_ownership import charge_for_service
from mandates.api.charge_requests import idempotency_key
from mandates.api.refund_requests import RefundBody
from mandates.api.refund_views import refund_view
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.charges.refund_orders import Ordered, RefundOrder, find_refund, order_refund
from mandates.charges.refunding import follow_refunds
from mandates.core.charging.refunds import Refund
from mandates.core.errors import Busy, MandatesError
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.client import Gateway
from mandates.gateway.politeness import REQUEST_SECONDS
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import count, logger
from mandates.store import tables
from mandates.store.charges import read_charge
from mandates.store.dynamodb import StoreError


class Settings(StripeAccess, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    charges_table: str
    mandates_table: str


class Body(RefundBody):
    pass


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")
stripe = Stripe(configured, within=REQUEST_SECONDS)


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    try:
        return refunded(request)
    except StoreError as error:
        logger.exception("the charge can't be read or written")
        raise Busy("nobody can say whether there is a refund: send the same request again") from error


def refunded(request: Request) -> Response:
    gateway = stripe.gateway()  # now, so that all of the request has one deadline
    caller = caller_of(request.authorizer, time.time())
    charge = charge_for_service(caller, request.path_id("charge_id"), Scope.REFUNDS_WRITE)
    key, body = idempotency_key(request, of="refund"), request.body(Body)
    order = RefundOrder(key, body.amount, body.reason or "", caller.subject)
    ordered = order_refund(charge, order, time.time)
    refund = ordered.refund
    if ordered.created:
        count("RefundsRequested")
        refund = sent(ordered, gateway)
    return Response(201 if ordered.created else 200, refund_view(refund, for_service=True))


def sent(ordered: Ordered, gateway: Gateway) -> Refund:
    """The refund as far as it gets within this request. It is recorded, and the queue's consumer continues
    it, so a failure now is no error of the request. Raises StoreError if the refund can't be read."""
    try:
        charge = follow_refunds(ordered.charge, gateway, time.time, configured.owner_mark).charge
    except (MandatesError, StoreError) as error:
        logger.warning("the refund continues later", extra={"error": type(error).__name__})
        charge = read_charge(ordered.charge.charge_id) or ordered.charge
    return find_refund(charge, ordered.refund.refund_id) or ordered.refund
