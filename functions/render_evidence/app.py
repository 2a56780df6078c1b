"""GET /mandates/{mandate_id}/evidence.pdf: the evidence for people, with the signed JSON attached."""

import hashlib
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from mandates.api.callers import caller_of
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.core.canonical import canonical_json
from mandates.core.errors import NotAcceptable
from mandates.core.visible import visible, visible_lines
from mandates.evidence.packs import Settings, page_asked_for, signed_evidence
from mandates.evidence.signing import Signer
from mandates.runtime import aws, settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import logger
from mandates.store import tables

PDF = "application/pdf"
ARCHIVAL = "a-3b"
"""PDF/A for archiving (ISO 19005-3). Part 3, since earlier parts allow no attached JSON."""

OF_LINES = frozenset({"text_shown", "text"})
"""The wording of the terms, and the texts for Stripe's dispute form."""

typeset: Callable[..., bytes] = typst.compile  # its stub knows nothing of several sources

configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("mandates")
signer = Signer(aws.client("kms"), configured.evidence_key_ids)
here = Path(__file__).parent
layout = (here / "evidence.typ").read_bytes()
fonts = typst.Fonts(include_system_fonts=False, font_paths=[here / "fonts"])


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    must_accept_pdf(request)
    mandate_id, page = request.path_id("mandate_id"), page_asked_for(request.query)
    pack = signed_evidence(mandate_id, page, caller, signer, time.time)
    saved_as = f'attachment; filename="evidence-{mandate_id}-{page}.pdf"'
    return Response(200, render(pack), {"Content-Type": PDF, "Content-Disposition": saved_as}, binary=True)


def must_accept_pdf(request: Request) -> None:
    """The gateway turns base64 into bytes only if the first accepted type is listed as binary.

    Any other caller would get the base64 as if it were a PDF.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
    """
    if request.headers.get("accept", "").partition(";")[0].strip().lower() != PDF:
        raise NotAcceptable(f"the answer is a PDF: send the header `Accept: {PDF}`, and no other type in it")


def render(pack: dict[str, Any]) -> bytes:
    """The same pack always gives the same bytes: nothing in them is random or read from a clock."""
    sources = {
        "main.typ": layout,
        "evidence.json": canonical_json(pack),
        "shown.json": canonical_json(shown(pack)),
        "about.json": canonical_json(
            {"sha256": hashlib.sha256(canonical_json(pack["evidence"])).hexdigest()}
        ),
    }
    try:
        return compiled(sources, pack, ARCHIVAL)
    except typst.TypstError as error:
        # An archival PDF may not have a character that all its fonts lack. A plain one shows a box for it.
        logger.warning("not an archival PDF", extra={"reason": error.message})
        return compiled(sources, pack, "1.7")


def shown(value: Any, *, of_lines: bool = False) -> Any:
    """The pack in readable form: each text shows everything it holds, and only wordings have line breaks."""
    match value:
        case str():
            return visible_lines(value) if of_lines else visible(value)
        case list() | tuple():
            return [shown(one, of_lines=of_lines) for one in value]
        case dict():
            return {
                visible(name): shown(one, of_lines=of_lines or name in OF_LINES)
                for name, one in value.items()
            }
    return value


def compiled(sources: dict[str, bytes], pack: dict[str, Any], standard: str) -> bytes:
    made_at = datetime.fromisoformat(pack["evidence"]["generated_at"])
    return typeset(
        sources,
        format="pdf",
        font_paths=fonts,
        ignore_system_fonts=True,
        pdf_standards=[standard],
        timestamp=made_at.replace(microsecond=0),
    )
