"""POST /checkout-sessions/{checkout_session_id}/return: somebody came back from Stripe's page."""

import os
import time
from typing import Annotated

import msgspec

from mandates.api.callers import caller_of
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.api.views import mandate_view
from mandates.core.return_tokens import WELL_FORMED
from mandates.ledger.contributing import statuses
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import correlate
from mandates.setup.customer_returns import record_return
from mandates.store import tables


class Settings(msgspec.Struct, frozen=True):
    allowed_origins: frozenset[str]
    mandates_table: str
    stripe_subjects_table: str


class Body(msgspec.Struct, forbid_unknown_fields=True):
    return_token: Annotated[str, msgspec.Meta(pattern=WELL_FORMED)]


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("stripe_subjects")


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    customer_id = caller_of(request.authorizer, time.time()).must_be_customer()
    token = request.body(Body).return_token
    mandate = record_return(customer_id, request.path_id("checkout_session_id"), token, time.time)
    correlate(mandate_id=mandate.mandate_id)
    return Response(200, mandate_view(mandate, statuses([mandate])[mandate.mandate_id]))
