"""POST /charges/{charge_id}/cancel: cancel a charge that is not final."""

import os
import time

from mandates.api.callers import Scope, caller_of
from mandates.api.charge_ownership import charge_for_service
from mandates.api.charge_views import charge_view
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.charges.canceling import cancel_charge
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import REQUEST_SECONDS
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.store import tables


class Settings(StripeAccess, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    charges_table: str
    mandates_table: str


SOURCE = "api:cancel_charge"

configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")
stripe = Stripe(configured, within=REQUEST_SECONDS)


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    gateway = stripe.gateway()  # now, so that all of the request has one deadline
    caller = caller_of(request.authorizer, time.time())
    charge = charge_for_service(caller, request.path_id("charge_id"), Scope.CHARGES_WRITE)
    canceled = cancel_charge(charge.charge_id, caller.subject, SOURCE, gateway, time.time)
    return Response(200, charge_view(canceled, for_service=True))
