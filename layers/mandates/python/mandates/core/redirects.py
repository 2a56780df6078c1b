"""The URLs that a customer may be returned to: only on origins that the business listed."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
"""Stripe puts the session's id here. It must not be percent-encoded.
https://docs.stripe.com/payments/checkout/custom-success-page"""

RETURN_PARAMETER = "return_token"
"""The query parameter with the token, for the page that customers come back to
(setup/customer_returns.py)."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
MAX_URL_LENGTH = 2048
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class RedirectRefused(Exception):
    """Its message says what is wrong with the URL, as the end of a sentence that begins with its field."""


def origin_of(url: str) -> str:
    """`scheme://host[:port]` in lower case, without the scheme's default port.

    Raises RedirectRefused for anything that a browser and this parser might read differently (a backslash,
    white space, control or non-ASCII characters), for user names, and for every scheme except https, and http
    to this machine itself.
    """
    if len(url) > MAX_URL_LENGTH:
        raise RedirectRefused(f"must be at most {MAX_URL_LENGTH} characters")
    if not url.isascii() or any(character <= " " or character in "\\\x7f" for character in url):
        raise RedirectRefused("must not contain a backslash, white space, control or non-ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RedirectRefused("is not a URL") from None
    host = _host(parts.netloc)
    if not host:
        raise RedirectRefused("must be an absolute URL")
    if not _HOST.fullmatch(host):
        raise RedirectRefused("must have a host name or address")
    if "@" in parts.netloc:
        raise RedirectRefused("must not contain a user name")
    if parts.scheme not in _DEFAULT_PORTS or (parts.scheme == "http" and host not in LOOPBACK_HOSTS):
        raise RedirectRefused("must be https (http only to localhost)")
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def checked_redirect(url: str, allowed_origins: Collection[str]) -> str:
    """The URL, if its origin is exactly one of the allowed ones."""
    origin = origin_of(url)
    if "#" in url:
        raise RedirectRefused("must not contain a fragment")
    if origin not in allowed_origins:
        raise RedirectRefused(f"has the origin {origin}, which is not one of the allowed origins")
    return url


def checked_success_url(url: str, allowed_origins: Collection[str]) -> str:
    """The URL, if customers may be returned to it and it has no query parameter with the token's name."""
    checked_redirect(url, allowed_origins)
    if any(name == RETURN_PARAMETER for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)):
        raise RedirectRefused(f"must not have a query parameter {RETURN_PARAMETER}: one is added to it")
    return url


def return_address(success_url: str, token: str) -> str:
    """What Stripe gets: the success URL with the token, and with Stripe's placeholder if it lacks one."""
    session = [] if PLACEHOLDER in success_url else [f"checkout_session_id={PLACEHOLDER}"]
    added = "&".join([*session, f"{RETURN_PARAMETER}={token}"])
    joiner = "&" if "?" in success_url else "?"
    return f"{success_url}{joiner}{added}"


def _host(netloc: str) -> str:
    host_and_port = netloc.rpartition("@")[2].lower()
    return re.sub(r":[0-9]*$", "", host_and_port)
