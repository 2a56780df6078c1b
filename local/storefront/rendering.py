"""The shop's pages. Whatever is inserted is escaped by Jinja, and a missing value is an error."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from local.storefront import words
from local.storefront.sessions import CSRF_FIELD, Session

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"csrf_field": CSRF_FIELD, "money": words.money}
_TEMPLATES.filters |= {"day": words.day}


def page(
    template: str,
    session: Session | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """`session` is None on pages for nobody in particular."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(session=session, **values), status, headers)
