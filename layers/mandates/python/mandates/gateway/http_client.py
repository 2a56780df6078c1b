"""Sends one request to Stripe, over connections that are kept, and reads its answer.

The SDK's own client needs `requests`, which would lengthen every cold start. urllib3 is loaded anyway, by
botocore.
"""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe
import urllib3
from urllib3 import exceptions

_WORTH_REPEATING = (
    exceptions.TimeoutError,
    exceptions.NewConnectionError,
    exceptions.ProtocolError,
    exceptions.ProxyError,
    exceptions.PoolError,
)


class Urllib3Client(stripe.HTTPClient):
    """Never repeats a request, never follows a redirect.

    Raises stripe.APIConnectionError, with the same `should_retry` as stripe.RequestsClient.
    """

    name = "urllib3"

    def __init__(
        self,
        base: str = stripe.DEFAULT_API_BASE,
        *,
        connect_timeout: float,
        read_timeout: float,
        ca_bundle: str = stripe.ca_bundle_path,
    ) -> None:
        """`base` is the address that all requests go to. Time-outs are in seconds.

        `ca_bundle` names the only authorities that are trusted. The SDK's list has those alone that Stripe
        uses: https://docs.stripe.com/tls-certificates
        """
        super().__init__()
        self._connections = _connections(
            base,
            timeout=urllib3.Timeout(connect=connect_timeout, read=read_timeout),
            retries=False,
            ssl_context=ssl.create_default_context(cafile=ca_bundle),
        )

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        try:
            answer = self._connections.request(
                method.upper(), url, body=post_data, headers=headers, redirect=False, preload_content=False
            )
        except exceptions.HTTPError as error:
            raise _failed(error, should_retry=isinstance(error, _WORTH_REPEATING)) from error
        except ValueError as error:
            # Its text quotes the header that can't be sent, which may be the API key's.
            raise _failed(error, should_retry=False) from None
        try:
            return answer.data, answer.status, answer.headers
        except exceptions.HTTPError as error:
            raise _failed(error, should_retry=isinstance(error, exceptions.ReadTimeoutError)) from error

    def close(self) -> None:
        self._connections.clear()


def _connections(base: str, **options: Any) -> urllib3.PoolManager:
    """Through the proxy that the environment names for `base`, if it names one, as AWS's SDK does it."""
    address = urlsplit(base)
    proxy = getproxies().get(address.scheme)
    if not proxy or proxy_bypass(address.netloc):
        return urllib3.PoolManager(**options)
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def _failed(error: Exception, *, should_retry: bool) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(  # type: ignore[no-untyped-call]
        f"Stripe can't be reached ({type(error).__name__}).", should_retry=should_retry
    )
