"""The number of its format in every stored item: written and read here (docs/versions.md)."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from mandates.core.formats import must_be_known


class Table:
    """Each kind's own `Meta`; its name is set by `tables.bind`."""

    table_name = ""


class Format(NumberAttribute):
    """`written` is what a new item gets, `known` the newest that this release reads."""

    def __init__(self, written: int, known: int | None = None) -> None:
        super().__init__(default_for_new=written)
        self.written = written
        self.known = known or written


class Item(Model):
    """A kind of item, which has a number of its own for its format, also where an index has it."""

    format: Format

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """An item as DynamoDB has it. Raises NewerFormat; or ValueError if no release of ours wrote it."""
        number = data.get("format", {}).get("N", "")
        must_be_known(cls._named(data), int(number) if number.isdecimal() else None, cls.format.known)
        return super().from_raw_data(data)

    @classmethod
    @cache
    def in_its_format(cls) -> Action:
        """For an update that may make the item. One that is there keeps the format that it has."""
        return cls.format.set(cls.format | cls.format.written)

    @classmethod
    def _named(cls, data: Mapping[str, Any]) -> str:
        """For an error, which may be logged: a customer's id stays out of it."""
        kind = f"the stored item ({cls.__name__.removesuffix('Row').lower()})"
        mandate_id = data.get("mandate_id", {}).get("S")
        return f"{kind} of {mandate_id}" if mandate_id else kind
