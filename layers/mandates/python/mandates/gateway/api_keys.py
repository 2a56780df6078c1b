"""Stripe's API key, and what its form says."""

from typing import Protocol


class ApiKey(Protocol):
    """The current key, for example a secret_values.Secret[str]."""

    def get(self) -> str: ...

    def newer_than(self, refused: str) -> str | None:
        """A key other than the one that Stripe has just refused; None if there is none, or none yet."""
        ...


class FixedKey:
    def __init__(self, key: str) -> None:
        self._key = key

    def get(self) -> str:
        return self._key

    def newer_than(self, refused: str) -> str | None:  # noqa: ARG002 - it is the only one there is
        return None


def livemode_of(api_key: str) -> bool | None:
    """Whether a key of this form is a live one (https://docs.stripe.com/keys); None for another form."""
    mode = api_key.split("_", 2)[1:2]
    return {"live": True, "test": False}.get(mode[0]) if mode else None
