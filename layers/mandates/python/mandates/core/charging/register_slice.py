"""A part of a mandate's register, as it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from mandates.core.canonical import digest
from mandates.core.charging.notice import Notice
from mandates.core.charging.proof import StoredCharge, permission_of
from mandates.core.charging.register import Register

Registered = StoredCharge | Notice | None
"""What is found under a number of the register; None if nothing is."""


@dataclass(frozen=True, slots=True)
class RegisterSlice:
    """`positions` are those from number `first` on, without a gap.

    `last_link` is the link of the register's last charge or notice; None if that one is missing or altered.
    `highest` is the highest number that any charge or notice of the mandate has.
    """

    register: Register
    first: int
    positions: Sequence[Registered]
    last_link: str | None
    highest: int

    @property
    def charges(self) -> list[StoredCharge]:
        return [one for one in self.positions if isinstance(one, StoredCharge)]

    @property
    def notices(self) -> list[Notice]:
        return [one for one in self.positions if isinstance(one, Notice)]


NO_CHARGES = RegisterSlice(Register(), first=1, positions=(), last_link=None, highest=0)


def link_of(position: Registered) -> str | None:
    """The link that its content gives; None if there is none, or if the content was altered."""
    match position:
        case Notice():
            return position.hash if digest(position.content()) == position.hash else None
        case StoredCharge():
            return position.link
    return None


def place_of(position: Registered) -> tuple[int, str] | None:
    """The number that it says it has, and the link before it; None if it says neither."""
    match position:
        case Notice():
            return position.number, position.previous
        case StoredCharge() if position.sound and (permission := permission_of(position.sound[0])):
            return permission.number, permission.previous
    return None
