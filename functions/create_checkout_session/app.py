"""POST /checkout-sessions: record the customer's consent and open a session to set up Amazon Pay."""

import os
import time
from collections.abc import Callable
from typing import Annotated

import msgspec

from mandates.api.callers import caller_of
from mandates.api.requests import Request, api
from mandates.api.responses import Response
from mandates.core import locales
from mandates.core.checkout_slot import CheckoutRequest
from mandates.core.clock import rfc3339
from mandates.core.errors import ConsentRequired, NoTerms, RedirectNotAllowed, TermsChanged
from mandates.core.redirects import MAX_URL_LENGTH, RedirectRefused, checked_redirect, checked_success_url
from mandates.core.terms import Terms
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import REQUEST_SECONDS
from mandates.runtime import settings
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.telemetry import correlate, count, logger
from mandates.setup.checkouts import Checkouts, Consent
from mandates.store import tables
from mandates.store.published_terms import current_terms


class Settings(StripeAccess, frozen=True, kw_only=True):
    allowed_origins: frozenset[str]
    customers_table: str
    events_table: str
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_URL_LENGTH)]
Locale = Annotated[str, msgspec.Meta(max_length=locales.MAX_LENGTH, pattern=rf"^{locales.PATTERN}$(?!\n)")]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    terms_version: Text
    terms_digest: Text
    locale: Locale
    wording_digest: Text
    success_url: Url
    cancel_url: Url
    accepted: bool = False


configured = settings.read_settings(Settings, os.environ)
allowed_origins = normalised_origins(configured.allowed_origins)
tables.bind(settings.table_names(configured))
tables.warm("customers")
stripe = Stripe(configured, within=REQUEST_SECONDS)


@api(allowed_origins)
def handler(request: Request) -> Response:
    caller = caller_of(request.authorizer, time.time())
    customer_id = caller.must_be_customer()
    body = request.body(Body)
    if not body.accepted:
        raise ConsentRequired("the customer has to accept the terms: send accepted: true once they have")
    terms = terms_shown(body)
    consent = Consent(
        customer_id=customer_id,
        terms=terms,
        request=CheckoutRequest(
            terms_version=body.terms_version,
            terms_digest=body.terms_digest,
            locale=body.locale,
            wording_digest=body.wording_digest,
            success_url=redirect("success_url", body.success_url, checked_success_url),
            cancel_url=redirect("cancel_url", body.cancel_url, checked_redirect),
        ),
        personal={
            "source_ip": request.source_ip,
            "user_agent": request.headers.get("user-agent", "")[:1024],
            "subject": caller.subject,
            "issuer": caller.issuer,
        },
    )
    opened = Checkouts(stripe.gateway(), configured.owner_mark, time.time, os.urandom).open(consent)
    correlate(mandate_id=opened.mandate_id)
    if opened.created:
        count("SetupsStarted")
        logger.info("set-up started")
    return Response(
        201 if opened.created else 200,
        {
            "mandate_id": opened.mandate_id,
            "checkout_session_id": opened.checkout_session_id,
            "url": opened.url,
            "expires_at": rfc3339(opened.expires_at),
        },
    )


def terms_shown(body: Body) -> Terms:
    """The current terms, if the customer saw them word for word. Raises NoTerms or TermsChanged."""
    terms = current_terms()
    if terms is None:
        raise NoTerms("no terms are published yet: python -m ops terms publish FILE")
    locale = terms.locale_for(body.locale)
    current = (terms.version, terms.digest, locale, terms.wording_digest(locale))
    if (body.terms_version, body.terms_digest, body.locale, body.wording_digest) != current:
        raise TermsChanged(
            "the customer was not shown the current terms: show those and ask again",
            current_version=terms.version,
            current_digest=terms.digest,
            current_locale=locale,
            current_wording_digest=terms.wording_digest(locale),
        )
    return terms


def redirect(field: str, url: str, checked: Callable[[str, frozenset[str]], str]) -> str:
    try:
        return checked(url, allowed_origins)
    except RedirectRefused as refused:
        raise RedirectNotAllowed(f"{field} {refused}", field=field) from None
