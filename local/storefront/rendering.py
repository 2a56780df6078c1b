"""The shop's pages. Whatever is inserted is escaped by Jinja, and a missing value is an error."""

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from local.storefront import words
from local.storefront.languages import translator
from local.storefront.sessions import CSRF_FIELD, Session

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"csrf_field": CSRF_FIELD, "account_name": words.account_name}


def page(
    template: str,
    session: Session | None,
    language: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """`session` is None on pages for nobody in particular."""
    values |= {
        "session": session,
        "language": language,
        "_": translator(language),
        "day": partial(words.day, language=language),
        "money": partial(words.money, language=language),
    }
    content = _TEMPLATES.get_template(template).render(values)
    return HTMLResponse(
        content, status, {"Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
    )
