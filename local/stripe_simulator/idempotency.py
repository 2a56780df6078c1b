"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests).

The first answer to a key is kept for at least 24 hours and given again, including errors and 500s, as long as
path and parameters are the same. A request that failed validation was never executed, so its answer is not
kept.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from .errors import StripeError, invalid

KEPT_FOR = 24 * 60 * 60
MAX_LENGTH = 255


@dataclass(frozen=True)
class KeptAnswer:
    path: str
    params: Any
    status: int
    body: dict[str, Any]
    request: str
    created: float
    busy_until: float


class IdempotencyKeys:
    def __init__(self) -> None:
        self._stored: dict[str, KeptAnswer] = {}

    def recall(self, key: str, path: str, params: object, now: float) -> KeptAnswer | None:
        """The kept answer, if any. Refuses a key that is too long, in use, or another request's."""
        if len(key) > MAX_LENGTH:
            raise invalid(f"Idempotency keys can be at most {MAX_LENGTH} characters long.")
        stored = self._stored.get(key)
        if stored is None or now - stored.created >= KEPT_FOR:
            return None
        if stored.busy_until > now:
            raise _in_use()
        if (stored.path, stored.params) != (path, params):
            raise _mismatch(key, "endpoint" if stored.path != path else "parameters")
        return stored

    def keep(self, key: str, stored: KeptAnswer) -> None:
        """Keep an answer, and forget those that are too old."""
        self._stored.pop(key, None)
        self._stored[key] = stored
        expired = takewhile(lambda item: stored.created - item[1].created >= KEPT_FOR, self._stored.items())
        for old, _ in list(expired):
            del self._stored[old]


def _in_use() -> StripeError:
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        "submitted twice, and the other request is still going through). Please try again later.",
        code="idempotency_key_in_use",
        executed=False,
    )


def _mismatch(key: str, what: str) -> StripeError:
    return StripeError(
        400,
        f"Keys for idempotent requests can only be used with the same {what} they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        type="idempotency_error",
        executed=False,
    )
