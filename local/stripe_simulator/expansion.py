"""``expand[]``: replacing an id by its object (https://docs.stripe.com/api/expanding_objects)."""

from copy import deepcopy

from .account import Account
from .errors import StripeError, invalid
from .objects import Json
from .resource import ANY_KIND
from .resources import CONTAINERS, REFERENCES

MAX_DEPTH = 4

# ``data`` is a list's: lists belong to no resource.
_CONTAINERS = CONTAINERS | {"data"}


def check_expandable(paths: list[str]) -> None:
    """Refuse paths that no object could expand, before anything is executed."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH + (parts[0] == "data"):
            raise invalid(f"You cannot expand more than {MAX_DEPTH} levels of a property ({path}).", "expand")
        if not REFERENCES.keys() | _CONTAINERS >= set(parts):
            raise _not_expandable(path)


def expanded(account: Account, thing: Json, paths: list[str]) -> Json:
    """A copy of ``thing`` in which objects replace the references in ``paths``.

    Nulls stay null. The id of an object that was erased stays, too.
    """
    copy = deepcopy(thing)
    for path in paths:
        _expand(account, copy, path.split("."), path)
    return copy


def _expand(account: Account, thing: Json, parts: list[str], path: str) -> None:
    name, *rest = parts
    if name not in thing:
        raise _not_expandable(path)
    value = thing[name]
    if isinstance(value, str):
        found = _referred(account, REFERENCES[name], value)
        if found is None:
            return
        value = thing[name] = deepcopy(found)
        if value.get("deleted"):
            value = thing[name] = {key: value[key] for key in ("id", "object", "deleted")}
    if not rest:
        return
    for inner in value if isinstance(value, list) else [value]:
        if inner is not None:
            _expand(account, inner, rest, path)


def _referred(account: Account, kind: str, identifier: str) -> Json | None:
    return account.get_any(identifier) if kind == ANY_KIND else account.get(kind, identifier)


def _not_expandable(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
