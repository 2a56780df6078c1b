"""The pages a buyer sees: Stripe's hosted Checkout, and the test page in place of Amazon's.

Plain HTML without scripts, so a person, a browser test and curl all see the same. Every inserted value is
escaped.
"""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from local.stripe_simulator.objects import Json
from local.stripe_simulator.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}

_DISPLAY_NAMES = {"amazon_pay": "Amazon Pay", "card": "Card", "link": "Link"}


class Html(str):
    """Markup, inserted without escaping."""

    __slots__ = ()


def checkout(settings: Settings, session: Json, intent: Json) -> str:
    """What is being set up, how to pay, and what went wrong on the last attempt."""
    kinds = session["payment_method_types"]
    details = session["customer_details"] or {}
    error = intent["last_setup_error"]
    submit = session["custom_text"]["submit"]
    return _page(
        settings,
        f"Set up future payments with {settings.business_name}",
        "checkout",
        business=settings.business_name,
        action=f"/c/pay/{session['id']}",
        error=_fragment("error", message=error["message"], code=error["code"]) if error else "",
        email=_fragment("email", email=details["email"]) if details.get("email") else "",
        options=Html("".join(_option(kind, checked=kind == kinds[0]) for kind in kinds)),
        note=_fragment("note", text=submit["message"]) if submit else "",
        agreement=_agreement(settings, session, kinds[0]),
        terms=_fragment("terms") if terms_required(session) else "",
        button=f"Continue to {name_of(kinds[0])}" if len(kinds) == 1 else "Continue",
        back=_back(session["cancel_url"], f"Back to {settings.business_name}"),
    )


def test_page(settings: Settings, session: Json, kind: str) -> str:
    """The stand-in for Amazon's own page: succeed or fail."""
    return _page(
        settings,
        f"{name_of(kind)} test page",
        "test_page",
        name=name_of(kind),
        business=settings.business_name,
        action=f"/c/{kind}/{session['id']}",
        back=_back(f"/c/pay/{session['id']}", "Back"),
    )


def message(settings: Settings, title: str, text: str, link: str | None = None) -> str:
    back = _back(link, f"Back to {settings.business_name}")
    return _page(settings, title, "message", title=title, text=text, back=back)


def closed(settings: Settings, session: Json) -> str:
    """The page of a session that is over."""
    if session["status"] == "complete":
        text = "This Checkout Session has been completed already."
        return message(settings, "You're all done here", text, success_url(session))
    text = "This Checkout Session has expired. Nothing was set up; please start again from the shop."
    return message(settings, "This page has expired", text, session["cancel_url"])


def success_url(session: Json) -> str:
    """Where the buyer goes afterwards, with the session's id filled in by Stripe."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def name_of(kind: str) -> str:
    return _DISPLAY_NAMES.get(kind, kind.replace("_", " ").capitalize())


def _agreement(settings: Settings, session: Json, kind: str) -> str:
    """Stripe's reuse agreement. With ``position: hidden`` the shop has to show one instead."""
    collected = (session["consent_collection"] or {}).get("payment_method_reuse_agreement") or {}
    if collected.get("position") == "hidden":
        return ""
    return _fragment("agreement", business=settings.business_name, name=name_of(kind))


def terms_required(session: Json) -> bool:
    return (session["consent_collection"] or {}).get("terms_of_service") == "required"


def _option(kind: str, *, checked: bool) -> str:
    return _fragment("option", kind=kind, name=name_of(kind), checked=Html("checked") if checked else "")


def _back(url: str | None, label: str) -> str:
    return _fragment("back", url=url, label=label) if url else ""


def _page(settings: Settings, head: str, template: str, **values: str) -> str:
    content = _fragment(template, **values)
    return _fragment(
        "layout", title=f"{head} - Stripe simulator", business=settings.business_name, content=content
    )


def _fragment(template: str, **values: str) -> Html:
    shown = {key: value if isinstance(value, Html) else escape(value) for key, value in values.items()}
    return Html(_template(template).substitute(shown))


@cache
def _template(name: str) -> Template:
    return Template((TEMPLATES / f"{name}.html").read_text(encoding="utf-8"))
