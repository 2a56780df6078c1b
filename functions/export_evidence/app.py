"""GET /mandates/{mandate_id}/evidence, signed; GET /evidence-keys, the keys that verify it."""

import os
import time
from collections.abc import Callable

from mandates.api.callers import NOT_YOURS, caller_of
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.core.canonical import canonical_json
from mandates.core.errors import NotFound
from mandates.evidence.packs import Settings, page_asked_for, signed_evidence
from mandates.evidence.signing import Signer, keys_view
from mandates.runtime import aws, settings
from mandates.runtime.addresses import normalised_origins
from mandates.store import tables

configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("mandates")
signer = Signer(aws.client("kms"), configured.evidence_key_ids)


# A replaced key stays published, so an old list still verifies. A new key is known soon.
CACHED = "public, max-age=300"


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    route = ROUTES.get(request.resource)
    if route is None:
        raise NotFound(NOT_YOURS)
    return route(request)


def evidence(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    mandate_id, page = request.path_id("mandate_id"), page_asked_for(request.query)
    pack = signed_evidence(mandate_id, page, caller, signer, time.time)
    saved_as = f'attachment; filename="evidence-{mandate_id}-{page}.json"'
    return Response(200, canonical_json(pack), {"Content-Disposition": saved_as})


def evidence_keys(_request: Request) -> Response:
    return Response(200, {"keys": keys_view(signer.public_keys)}, {"Cache-Control": CACHED})


ROUTES: dict[str, Callable[[Request], Response]] = {
    "/mandates/{mandate_id}/evidence": evidence,
    "/evidence-keys": evidence_keys,
}
