"""Secrets Manager, read through and kept for a while, with as few calls and imports as can be."""

from collections.abc import Callable
from typing import Any, Protocol

from mandates.moment import Clock

KEPT_SECONDS = 300
"""How long a rotated secret may go unnoticed, where nothing makes us look sooner."""

SOONEST_REFETCH_SECONDS = 60
"""A stream of bad signatures must not become a stream of calls to Secrets Manager."""


class SecretsClient(Protocol):
    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]: ...  # noqa: N803 - AWS's name


class Secret[Value]:
    """One secret, parsed. If it can't be fetched again, the last value goes on being used."""

    def __init__(self, client: SecretsClient, arn: str, parse: Callable[[str], Value], clock: Clock) -> None:
        self._client = client
        self._arn = arn
        self._parse = parse
        self._clock = clock
        self._value: Value | None = None
        self._fetched_at = float("-inf")

    def get(self) -> Value:
        """The value, fetched at most KEPT_SECONDS ago unless Secrets Manager is out of reach."""
        if self._value is None or self._clock() - self._fetched_at >= KEPT_SECONDS:
            self._fetch()
        if self._value is None:
            raise RuntimeError("unreachable: _fetch raises when there is no value to fall back on")
        return self._value

    def newer(self) -> Value | None:
        """The value fetched again if that is allowed by now and it has changed; else None."""
        if self._clock() - self._fetched_at < SOONEST_REFETCH_SECONDS:
            return None
        before = self._value
        self._fetch()
        return self._value if self._value != before else None

    def _fetch(self) -> None:
        try:
            text = self._client.get_secret_value(SecretId=self._arn)["SecretString"]
            self._value = self._parse(text)
        except Exception:
            if self._value is None:
                raise
        self._fetched_at = self._clock()


def plain(text: str) -> str:
    return text.strip()
