"""Which handler answers which request."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .account import Account
from .objects import Json


@dataclass(frozen=True)
class Call:
    """One validated request: its parameters, and the ids in its path from left to right."""

    params: dict[str, Any]
    ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.ids[0]


type Handler = Callable[[Account, Call], Json]


@dataclass(frozen=True)
class Operation:
    """One endpoint, the unit of Stripe's rate limits.

    ``params`` names its parameters within ``stripe.params``. ``replaced`` maps each parameter that was
    removed to its successor; Stripe has an error of its own for these.
    """

    method: str
    path: str
    params: str
    handler: Handler
    replaced: Mapping[str, str] = field(default_factory=dict)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.path.replace(":id", "([^/]+)")))

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Router:
    """The first operation that fits wins, so fixed paths come before paths with an id."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = tuple(operations)

    def find(self, method: str, path: str) -> tuple[Operation, tuple[str, ...]] | None:
        for operation in self._operations:
            match = operation.pattern.fullmatch(path) if operation.method == method else None
            if match:
                return operation, match.groups()
        return None
