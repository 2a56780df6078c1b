"""Ways to take a condition of the store away, as if its line had been deleted from the source."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from mandates.store.dynamodb import Transaction
from mandates.store.item_formats import Item

Removal = Callable[[pytest.MonkeyPatch], None]


def unconditional(where: Any, operation: str, kind: type[Item]) -> Removal:
    """One kind of item is written without its condition: in transactions, or alone by one module."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real = getattr(where, operation)

        def unguarded(*arguments: Any, **named: Any) -> Any:
            given = inspect.signature(real).bind(*arguments, **named)
            if any(argument is kind or isinstance(argument, kind) for argument in given.args):
                given.arguments["condition"] = None
            return real(*given.args, **given.kwargs)

        patch.setattr(where, operation, unguarded)

    return remove


def unconditional_record(kind: type[Item], prefix: str) -> Removal:
    """Updates of one kind of item, and only of those whose sort key begins like this."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real = Transaction.update

        def update(self: Transaction, of: Any, key: Any, actions: Any, condition: Any) -> None:
            unguarded = of is kind and key[-1].startswith(prefix)
            real(self, of, key, actions, None if unguarded else condition)

        patch.setattr(Transaction, "update", update)

    return remove


def unchecked(kind: type[Item], prefix: str = "") -> Removal:
    """Transactions don't depend on an item of that kind whose key ends in something that begins like this."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real = Transaction.check

        def check(self: Transaction, of: Any, key: Any, condition: Any) -> None:
            if of is not kind or not key[-1].startswith(prefix):
                real(self, of, key, condition)

        patch.setattr(Transaction, "check", check)

    return remove
