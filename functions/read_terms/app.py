"""GET /terms/current: the terms to show a customer, in the best available locale."""

import os

import msgspec

from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.api.views import terms_view
from mandates.core.errors import NoTerms
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.store import tables
from mandates.store.published_terms import current_terms


class Settings(msgspec.Struct, frozen=True):
    allowed_origins: frozenset[str]
    terms_table: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("terms")


# Long enough to save a busy shop most calls. A superseded version is refused at checkout anyway.
CACHED = "public, max-age=60"


@api(normalised_origins(configured.allowed_origins))
def handler(request: Request) -> Response:
    terms = current_terms()
    if terms is None:
        raise NoTerms("no terms are published yet: python -m ops terms publish FILE")
    locale = terms.locale_for(request.query.get("locale"))
    headers = {"Cache-Control": CACHED, "ETag": f'"{terms.digest}.{locale}"'}
    if headers["ETag"] in etags(request.headers.get("if-none-match", "")):
        return Response(304, headers=headers)
    return Response(200, terms_view(terms, locale), headers)


def etags(if_none_match: str) -> set[str]:
    """The tags that a cache has. Weak ones count too (RFC 9110, section 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
