"""POST /mandates/{mandate_id}/notices: record what the customer was told ahead of a charge."""

import os
import time

import msgspec

from mandates.api.callers import Scope, caller_of
from mandates.api.notice_requests import NoticeBody
from mandates.api.notice_views import notice_view
from mandates.api.ownership import mandate_for_service
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.charges.noticing import NoticeSent, record_notice
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.store import tables


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    charges_table: str
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


class Body(NoticeBody):
    pass


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    mandate = mandate_for_service(caller, request.path_id("mandate_id"), Scope.CHARGES_WRITE)
    body = request.body(Body)
    sent = NoticeSent(
        mandate_id=mandate.mandate_id,
        amount=body.amount,
        currency=body.currency,
        day=body.date,
        reference=body.reference,
        actor=caller.subject,
    )
    recorded = record_notice(sent, time.time, os.urandom)
    view = notice_view(recorded.notice, mandate.mandate_id, recorded.terms, for_service=True)
    return Response(201 if recorded.created else 200, view)
