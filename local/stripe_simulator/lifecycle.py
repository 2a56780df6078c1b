"""The states of Stripe's objects: which state may follow which, and the event that announces it.

Each kind of object with states has one table, in the file of its resource. Only this module writes states,
so a transition outside its table raises instead of being written.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .account import Account
from .errors import NotPossible
from .objects import Json

# Stripe sends no event about the transition.
SILENT = None


class ImpossibleTransition(NotPossible):
    """The table does not allow this state to follow the object's present one."""


@dataclass(frozen=True)
class Lifecycle:
    """The states of one kind of object. ``kind`` is the objects' ``object`` member.

    ``table`` maps each state to the states that may follow it, each with the type of the event that announces
    the transition. A new object is in the table's first state, and ``created`` is the event about that. If
    the states are ``shown``, they are the object's ``status``.
    """

    kind: str
    table: Mapping[str, Mapping[str, str | None]]
    created: str | None = SILENT
    shown: bool = True

    def __post_init__(self) -> None:
        unknown = {state for row in self.table.values() for state in row} - self.table.keys()
        if unknown:
            raise ValueError(f"no row for {sorted(unknown)} in the states of {self.kind}")

    @property
    def first(self) -> str:
        return next(iter(self.table))

    def state_of(self, account: Account, thing: Json) -> str:
        state: str = thing["status"] if self.shown else account.unshown(thing)["state"]
        return state

    def allows(self, account: Account, thing: Json, state: str) -> bool:
        return state in self.table[self.state_of(account, thing)]

    def start(self, account: Account, thing: Json, state: str | None = None) -> Json:
        """Keep a new object in its first state, or in ``state``, announce it, and return it."""
        if state is not None and state not in self.table:
            raise ValueError(f"{state} is not in the states of {self.kind}")
        self._write(account, thing, state or self.first)
        account.add(thing)
        if self.created is not None:
            account.emit(self.created, thing)
        return thing

    def move(
        self, account: Account, thing: Json, state: str, changes: Json | None = None, *, announce: bool = True
    ) -> Json | None:
        """Put ``thing`` into ``state`` and apply ``changes``. Returns the event, or None if there is none.

        ``announce=False`` suppresses the event, for the occasions on which Stripe sends none. Raises
        ``ImpossibleTransition`` and changes nothing if the table does not allow the transition.
        """
        present = self.state_of(account, thing)
        if state not in self.table[present]:
            noun = self.kind.replace(".", " ").replace("_", " ")
            raise ImpossibleTransition(f"This {noun} is {present}, so it can't become {state}.")
        former = account.change(thing, changes or {})
        former |= self._write(account, thing, state)
        event_type = self.table[present][state]
        if event_type is None or not announce:
            return None
        return account.emit(event_type, thing, former if event_type.endswith(".updated") else None)

    def _write(self, account: Account, thing: Json, state: str) -> Json:
        """Set the state. Returns the former ``status`` if the state is shown."""
        if self.shown:
            return account.change(thing, {"status": state})
        account.unshown(thing)["state"] = state
        return {}
