"""``expand[]``: replacing an id by its object (https://docs.stripe.com/api/expanding_objects)."""

from copy import deepcopy

from .account import Account
from .errors import StripeError, invalid
from .objects import Json

MAX_DEPTH = 4

# Which kind of object an attribute refers to.
_REFERENCES = {
    "customer": "customer",
    "default_payment_method": "payment_method",
    "latest_attempt": "setup_attempt",
    "mandate": "mandate",
    "payment_method": "payment_method",
    "setup_intent": "setup_intent",
    "single_use_mandate": "mandate",
}
_CONTAINERS = frozenset({"data", "invoice_settings", "last_setup_error"})


def check(paths: list[str]) -> None:
    """Refuse, before anything is executed, what no object could expand."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH + (parts[0] == "data"):
            raise invalid(f"You cannot expand more than {MAX_DEPTH} levels of a property ({path}).", "expand")
        if not _REFERENCES.keys() | _CONTAINERS >= set(parts):
            raise _not_expandable(path)


def expanded(account: Account, thing: Json, paths: list[str]) -> Json:
    """A copy of ``thing`` with the references in ``paths`` replaced by their objects; nulls stay null."""
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
        value = thing[name] = deepcopy(account.find(_REFERENCES[name], value, even_deleted=True))
        if value.get("deleted"):
            value = thing[name] = {key: value[key] for key in ("id", "object", "deleted")}
    if not rest:
        return
    for inner in value if isinstance(value, list) else [value]:
        if inner is not None:
            _expand(account, inner, rest, path)


def _not_expandable(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
