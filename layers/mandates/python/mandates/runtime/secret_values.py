"""Reads secrets from Secrets Manager and caches them, with as few calls and imports as possible."""

from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, Protocol

from mandates.core.clock import Clock, has_passed

KEPT_SECONDS = 300
"""How long a rotated secret may go unnoticed, if nothing makes us look sooner."""

SOONEST_REFETCH_SECONDS = 60
"""A stream of bad signatures, or of refused keys, must not become a stream of calls to Secrets Manager."""


class SecretsClient(Protocol):
    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]: ...  # noqa: N803 - AWS's name


class Secret[Value]:
    """One secret, parsed. If it can't be fetched again, the last value stays in use."""

    def __init__(self, client: SecretsClient, arn: str, parse: Callable[[str], Value], clock: Clock) -> None:
        self._client = client
        self._arn = arn
        self._parse = parse
        self._clock = clock
        self._value: Value | None = None
        self._fetched_at = float("-inf")
        self._looked_again_at = float("-inf")
        self._one_at_a_time = Lock()

    def get(self) -> Value:
        """The value, at most KEPT_SECONDS old unless Secrets Manager is out of reach."""
        if self._value is None or has_passed(KEPT_SECONDS, self._fetched_at, self._clock()):
            self._fetch()
        if self._value is None:
            raise RuntimeError("unreachable: _fetch raises when there is no value to fall back on")
        return self._value

    def prefetch(self) -> None:
        """Fetch it while the container starts. If that fails, the first `get` tries again, and raises."""
        with suppress(Exception):
            self.get()

    def newer_than(self, refused: Value) -> Value | None:
        """The value to use in place of one that was just refused; None if there is no other.

        It fetches again at once, even if the value was just fetched, since it may be replaced at any moment.
        But it does so at most once in SOONEST_REFETCH_SECONDS. If the refused value has already been
        replaced, its successor is returned without fetching.
        """
        with self._one_at_a_time:
            now = self._clock()
            if self._value == refused and has_passed(SOONEST_REFETCH_SECONDS, self._looked_again_at, now):
                self._looked_again_at = now
                self._fetch()
            return self._value if self._value != refused else None

    def _fetch(self) -> None:
        try:
            text = self._client.get_secret_value(SecretId=self._arn)["SecretString"]
            self._value = self._parse(text)
        except Exception:
            if self._value is None:
                raise
        self._fetched_at = self._clock()


def plain(text: str) -> str:
    """A key that is the whole value of its secret.

    Raises ValueError if no HTTP header can carry it. Otherwise the HTTP client would quote all of it in its
    error, and it would look as if Stripe could not be reached.
    """
    key = text.strip()
    if not key or not all("!" <= character <= "~" for character in key):
        raise ValueError("the secret's value must be the key alone: one word of printable ASCII")
    return key
