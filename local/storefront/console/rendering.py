"""The console's pages. Whatever is inserted is escaped by Jinja, and a missing value is an error."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from local.storefront.console import formatting, words
from local.storefront.sessions import CSRF_FIELD, Session

FOLDER = Path(__file__).parent

# No script at all. Forms go only to where the page comes from.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": formatting.day,
        "exact_time": formatting.exact_time,
        "short_id": formatting.short_id,
        "time": formatting.time,
    }
    made.globals |= {
        "csrf_field": CSRF_FIELD,
        "known": words.known,
        "money": formatting.money,
        "typed": formatting.typed,
        "words": words,
    }
    return made


_ENVIRONMENT = _environment()


def page(template: str, session: Session | None, status: int = 200, /, **values: Any) -> HTMLResponse:
    """`session` is None on pages for nobody in particular."""
    content = _ENVIRONMENT.get_template(template).render(session=session, **values)
    return HTMLResponse(content, status, headers=HEADERS)
