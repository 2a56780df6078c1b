"""Typed access to a projected event, for the readers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.facts import Fact, Kind, ids, is_time
from mandates.core.ids import is_stripe_id
from mandates.core.stripe_events.meaning import Meaning
from mandates.core.stripe_events.projection import (
    METADATA_CHARGE,
    METADATA_MANDATE,
    METADATA_OWNER_MARK,
    is_storable,
)

_MOST = 10**12  # far above any amount that Stripe takes


class Unreadable(Exception):
    """A field is missing or has the wrong shape: the event is Impossible. The message says which field."""


class Event:
    """What the event says of its object (`data.object`). Raises Unreadable."""

    def __init__(self, event_id: str, event: Mapping[str, Any], owner_mark: str) -> None:
        self.id = event_id
        self._envelope = event
        self._owner_mark = owner_mark
        data = event.get("data")
        subject = data.get("object") if isinstance(data, Mapping) else None
        if not isinstance(subject, Mapping):
            raise Unreadable("it has no data.object")
        self._object = subject

    @property
    def created(self) -> int:
        created: Any = self._envelope.get("created")
        if not is_time(created):
            raise Unreadable("created is not a time")
        return int(created)

    @property
    def idempotency_key(self) -> str | None:
        """The key of the request that caused the event; None if none did, or if it had none."""
        request = self._envelope.get("request")
        key = request.get("idempotency_key") if isinstance(request, Mapping) else None
        return key if isinstance(key, str) and is_storable(key) else None

    def whole(self, name: str) -> int:
        """A number of minor units."""
        value = self._object.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            raise Unreadable(f"data.object.{name} is not an amount")
        return value

    def time(self, name: str) -> int:
        """Epoch seconds."""
        value = self.nested_time(name)
        if value is None:
            raise Unreadable(f"data.object.{name} is not a time")
        return value

    def optional_text(self, name: str) -> str:
        """Empty if it is missing or odd."""
        value = self._object.get(name)
        return value if isinstance(value, str) and is_storable(value) else ""

    def text(self, name: str) -> str:
        value = self._object.get(name)
        if not (isinstance(value, str) and value and is_storable(value)):
            raise Unreadable(f"data.object.{name} is not a text")
        return value

    def id_of(self, name: str) -> str:
        value = self.optional_id_of(name)
        if value is None:
            raise Unreadable(f"data.object.{name} is missing")
        return value

    def optional_id_of(self, name: str) -> str | None:
        value = self._object.get(name)
        if isinstance(value, Mapping):  # an expanded object
            value = value.get("id")
        if value is None or is_stripe_id(value):
            return value
        raise Unreadable(f"data.object.{name} is not an id")

    def nested_text(self, *path: str) -> str | None:
        """The text at the end of this path; None if it is missing or odd."""
        found = self._at(path)
        return found if isinstance(found, str) and is_storable(found) else None

    def nested_time(self, *path: str) -> int | None:
        """Epoch seconds; None if it is missing or odd."""
        found = self._at(path)
        return int(found) if is_time(found) else None

    def _at(self, path: Sequence[str]) -> Any:
        found: Any = self._object
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def texts(self, name: str) -> list[str]:
        value = self._object.get(name)
        return value if isinstance(value, list) else []

    def says(self, name: str, value: str) -> bool:
        """Whether the field has exactly this value, whatever its type."""
        return self._object.get(name) == value

    def our_mandate(self) -> str | None:
        """The id of the mandate it is about; None if another stack, or nobody's, made the object."""
        if self.nested_text("metadata", METADATA_OWNER_MARK) != self._owner_mark:
            return None
        mandate_id = self.nested_text("metadata", METADATA_MANDATE)
        if not is_stripe_id(mandate_id):  # our own ids have the same form
            raise Unreadable("it carries our mark and no mandate id")
        return mandate_id

    def our_charge(self) -> tuple[str, str] | None:
        """The ids of the mandate and the charge that it is about; None if this stack did not make the
        object."""
        mandate_id = self.our_mandate()
        if mandate_id is None:
            return None
        charge_id = self.nested_text("metadata", METADATA_CHARGE) or ""
        try:
            named = mandate_id_of_charge(charge_id)
        except ValueError:
            raise Unreadable("it carries our mark and no charge id") from None
        if named != mandate_id:
            raise Unreadable("its charge is not one of its mandate")
        return mandate_id, charge_id

    def fact(self, kind: Kind, *, detail: Mapping[str, str] | None = None, **named: str | None) -> Fact:
        return Fact(kind, self.created, self.id, ids(**named), detail or {})


Reader = Callable[[Event], Meaning]
