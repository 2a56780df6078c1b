"""Which object of the simulated Stripe an id means, and which one is meant without an id."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

KINDS = (
    "customer",
    "checkout.session",
    "setup_intent",
    "payment_method",
    "payment_intent",
    "charge",
    "refund",
    "dispute",
    "event",
)
"""Every kind of object that is searched for an id. Our own ids are in the metadata of some."""

_LEADS_TO = ("setup_intent", "payment_method", "payment_intent", "charge", "latest_charge")
"""The attributes that lead from the named object to one that something can happen to."""


class NotFound(Exception):
    """There is no such object, or none to which this can happen now. The message lists those that exist."""


@dataclass(frozen=True)
class Target:
    """The objects to which something can happen: of one kind, and in a fitting state."""

    kind: str
    words: str
    """In the plural, with their state: "open sessions"."""
    fits: Callable[[Json], bool]


def find(target: Target, named: str | None, objects: Callable[[str], list[Json]]) -> Json:
    """The one that is named, by its own id or by that of something it belongs to; else the newest that fits.

    `objects` gives all of a kind, newest first. Raises NotFound.
    """
    of_kind = objects(target.kind)
    if named is None:
        newest = next((one for one in of_kind if target.fits(one)), None)
        if newest is None:
            raise NotFound(f"There are no {target.words}.")
        return newest
    ids = _related(named, {kind: objects(kind) for kind in KINDS})
    if not ids:
        raise NotFound(f"The simulator knows nothing with the id {named}.")
    meant = [one for one in of_kind if one["id"] in ids]
    if not meant:
        raise NotFound(f"{named} leads to none of the {target.words}.")
    return next((one for one in meant if target.fits(one)), meant[0])


def _related(named: str, everything: Mapping[str, Collection[Json]]) -> set[str]:
    """The ids of what is named, of what names it, and of what those lead to."""
    found = {one["id"] for kind in everything.values() for one in kind if named in set(_ids_in(one))}
    while True:
        further = {
            one[name]
            for kind in everything.values()
            for one in kind
            if one["id"] in found
            for name in _LEADS_TO
            if isinstance(one.get(name), str)
        } - found
        if not further:
            return found
        found |= further


def _ids_in(thing: Json) -> Iterator[str]:
    """Its own id, those it refers to, and ours in its metadata."""
    for value in (*thing.values(), *(thing.get("metadata") or {}).values()):
        if isinstance(value, str):
            yield value
