"""Access tokens from the stack's own Cognito. Those in stack.json expire, and a shop may stay up longer."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from local import aws
from local.aws import Identity
from local.storefront.running import RunningStack

_LIFE_LEFT = 300.0  # seconds: a page may use a token for a while


class Tokens:
    """`issue` takes the address of AWS, an identity and a name, as `aws.token` does. `clock`: seconds."""

    def __init__(
        self,
        running: RunningStack,
        issue: Callable[[str, Identity, str], str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._running = running
        self._issue = issue or aws.token
        self._clock = clock
        self._issued: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def of(self, name: str, *, fresh: bool = False) -> str:
        """A token of `customer`, `other_customer` or `service` that is valid for five minutes at least.

        `fresh` is for when the API has refused the last one. It blocks: call it in a thread. Raises NotReady.
        """
        described, remembered = self._running.described(), self._running.remembered()
        identity = Identity.from_dict(remembered["identity"])
        key = (identity.issuer, name)  # another stack's tokens are worth nothing here
        with self._lock:
            token = self._issued.get(key)
            if token is None or fresh or expiry(token) - self._clock() < _LIFE_LEFT:
                token = self._issue(described["aws_endpoint_url"], identity, name)
                self._issued[key] = token
        return token


def expiry(token: str) -> float:
    """When the token expires, in seconds of Unix time."""
    return float(_claims(token)["exp"])


def subject(token: str) -> str:
    """Whose token it is: the API's customer id."""
    return str(_claims(token)["sub"])


def _claims(token: str) -> dict[str, Any]:
    """Not verified: the issuer has just given the token to us."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
