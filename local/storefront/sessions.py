"""Who is signed in, in this process's memory: a cookie that scripts can't read, and a token in each form.

SameSite=Lax keeps the cookie out of other sites' POSTs. Another port of this machine is the same site, so the
CSRF token is what refuses a form of a page there.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

CSRF_FIELD = "csrf_token"
_MOST_SESSIONS = 1000  # the oldest is forgotten, so that nobody can fill the memory
_LARGEST_FORM = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


class Forged(Exception):
    """No page of this session sent the form."""


@dataclass
class Session:
    """One browser. `customer` is the one signed in there, if any. `ordering`: they have begun an order.
    `merchant`: the merchant is signed in to the console."""

    customer: str | None = None
    ordering: bool = False
    merchant: bool = False
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))


class Sessions:
    """The sessions behind one cookie, which the browser sends to `path` and below."""

    def __init__(self, cookie: str, *, path: str = "/", same_site: Literal["lax", "strict"] = "lax") -> None:
        self._cookie = cookie
        self._path = path
        self._same_site = same_site
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def of(self, request: Request) -> Session | None:
        return self._sessions.get(request.cookies.get(self._name(request), ""))

    def begin(self, request: Request, response: Response, session: Session) -> None:
        """Give the browser a session under a new id: an id that somebody else knows is then worth nothing."""
        self._forget(request)
        identifier = secrets.token_urlsafe(32)
        self._sessions[identifier] = session
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        response.set_cookie(
            self._name(request), identifier, path=self._path, httponly=True, samesite=self._same_site
        )

    def end(self, request: Request, response: Response) -> None:
        self._forget(request)
        response.delete_cookie(self._name(request), path=self._path, httponly=True, samesite=self._same_site)

    def _forget(self, request: Request) -> None:
        self._sessions.pop(request.cookies.get(self._name(request), ""), None)

    def _name(self, request: Request) -> str:
        """Browsers share cookies between a host's ports, and two stacks may run side by side."""
        return f"{self._cookie}-{request.url.port or 80}"


def is_from_here(request: Request) -> bool:
    """Whether a page of this very origin makes the request, or a program. A browser always says which:
    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


async def form_of(request: Request, session: Session | None) -> Mapping[str, str]:
    """The form's fields, stripped. Raises Forged unless a page of this very session sent it."""
    if session is None or not is_from_here(request):
        raise Forged
    if request.headers.get("content-type", "").partition(";")[0] != _FORM:
        raise Forged
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise Forged
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if not hmac.compare_digest(fields.pop(CSRF_FIELD, "").encode(), session.csrf_token.encode()):
        raise Forged
    return {name: value.strip() for name, value in fields.items()}
