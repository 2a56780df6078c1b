"""GET /checkout-sessions/{checkout_session_id}: what the return page shows."""

import os
import time

from mandates.api.callers import NOT_YOURS, caller_of
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.api.views import mandate_view
from mandates.core.errors import NotFound, StripeRefused, StripeUnavailable, UnknownAtStripe
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import REQUEST_SECONDS
from mandates.ledger.contributing import statuses
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import correlate, count, logger
from mandates.setup.return_page import brought_up_to_date, find_mandate, last_failure
from mandates.store import tables


class Settings(StripeAccess, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    events_table: str
    mandates_table: str
    stripe_subjects_table: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("stripe_subjects")
stripe = Stripe(configured, within=REQUEST_SECONDS)


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    customer_id = caller_of(request.authorizer, time.time()).must_be_customer()
    session_id = request.path_id("checkout_session_id")
    mandate = find_mandate(customer_id, session_id)
    if mandate is None:
        raise NotFound(NOT_YOURS)
    correlate(mandate_id=mandate.mandate_id)
    try:
        sessions = stripe.gateway().checkout_sessions
        mandate = brought_up_to_date(mandate, session_id, sessions, configured.owner_mark, time.time)
    except (StripeUnavailable, StripeRefused) as error:
        # The webhook will say it. Until then our own data is the answer.
        logger.warning("Stripe could not be asked", extra={"code": error.code, **error.extra})
        count("ReturnPagesWithoutStripe")
        if isinstance(error, UnknownAtStripe):
            count("UnknownAtStripe")
    return Response(
        200,
        {
            **mandate_view(mandate, statuses([mandate])[mandate.mandate_id]),
            "last_failure": last_failure(mandate),
        },
    )
