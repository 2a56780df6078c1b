"""Who is calling: a customer with their own token, or the business's back end with a service token."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from mandates.core.errors import InsufficientScope, NotFound, Unauthenticated

NOT_YOURS = "it does not exist, or it is not yours"
"""The same words for both cases, so that a caller can't tell the difference."""


class Scope(StrEnum):
    MANDATES_READ = "mandates:read"
    MANDATES_WRITE = "mandates:write"
    CHARGES_WRITE = "charges:write"
    REFUNDS_WRITE = "refunds:write"


class Caller(msgspec.Struct, frozen=True):
    """`subject` is a customer's id. Only services have scopes; a customer reaches only what is their own."""

    subject: str
    issuer: str
    is_service: bool
    scopes: frozenset[str]

    def must_reach(self, customer_id: str, scope: Scope) -> None:
        """Let the customer themselves pass, and a service with that scope.

        Another customer gets NotFound: they must not learn whether the id exists.
        """
        if self.is_service:
            self._must_have(scope)
        elif self.subject != customer_id:
            raise NotFound(NOT_YOURS)

    @property
    def may_read(self) -> bool:
        """Whether they may see what they may reach, and not only change it."""
        return not self.is_service or Scope.MANDATES_READ in self.scopes

    def must_be_customer(self) -> str:
        """The customer's id. A service can't consent in a customer's place."""
        if self.is_service:
            raise InsufficientScope("only the customer themselves can do this: use their token")
        return self.subject

    def must_be_service(self, scope: Scope) -> None:
        """Let only a service with that scope pass. A customer can't do it even with what is their own."""
        if not self.is_service:
            raise InsufficientScope(f"only the business can do this: use a service token with {scope}")
        self._must_have(scope)

    def _must_have(self, scope: Scope) -> None:
        if scope not in self.scopes:
            raise InsufficientScope(f"the token lacks the scope {scope}")


def to_context(caller: Caller, expires_at: int) -> dict[str, str]:
    """What the authorizer passes on. The gateway turns every value into text."""
    return {
        "subject": caller.subject,
        "issuer": caller.issuer,
        "kind": "service" if caller.is_service else "customer",
        "scopes": " ".join(sorted(caller.scopes)),
        "expires_at": str(expires_at),
    }


def caller_of(context: Mapping[str, Any] | None, now: float) -> Caller:
    """The caller from the authorizer's context.

    The gateway may answer from its cache for minutes after a token has expired, so expiry is checked again.
    Without a context (a route deployed without its authorizer) nobody is let in.
    """
    try:
        known = context or {}
        caller = Caller(
            subject=str(known["subject"]),
            issuer=str(known["issuer"]),
            is_service={"service": True, "customer": False}[known["kind"]],
            scopes=frozenset(str(known["scopes"]).split()),
        )
        expires_at = int(known["expires_at"])
    except (KeyError, ValueError, TypeError):
        raise Unauthenticated("no verified token came with this request") from None
    if now >= expires_at or not caller.subject:
        raise Unauthenticated("the token has expired; get a new one")
    return caller
