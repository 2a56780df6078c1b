"""POST /mandates/{mandate_id}/revoke: withdraw the permission, at once and for good."""

import os
import time
from typing import Annotated

import msgspec

from mandates.api.callers import Scope, caller_of
from mandates.api.ownership import mandate_for
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.api.views import mandate_view
from mandates.ledger.contributing import statuses
from mandates.revocation.revoking import revoke
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import count
from mandates.store import tables
from mandates.store.mandates import read_heads


class Settings(msgspec.Struct, frozen=True):
    allowed_origins: frozenset[str]
    mandates_table: str
    stripe_subjects_table: str


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """`reason` is a word for the record, such as `account_closed`. It must not be personal data."""

    reason: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,64}$(?!\n)")] = "requested"


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("mandates")


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    mandate_id = mandate_for(caller, request.path_id("mandate_id"), Scope.MANDATES_WRITE).mandate_id
    body = request.body(Body) if request.raw_body() else Body()
    revoke(mandate_id, by="service" if caller.is_service else "customer", reason=body.reason, clock=time.time)
    count("MandatesRevoked")
    withdrawn = read_heads([mandate_id])[mandate_id]
    status = statuses([withdrawn])[mandate_id]
    if not caller.may_read:
        return Response(200, {"mandate_id": mandate_id, "status": str(status)})
    return Response(200, mandate_view(withdrawn, status))
