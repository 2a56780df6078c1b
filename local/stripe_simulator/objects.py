"""Stripe's objects as JSON: what an update changes, and how metadata merges."""

from copy import deepcopy
from typing import Any, Literal

type Json = dict[str, Any]


def previous_values(old: Json, new: Json) -> Json:
    """The former values of what ``new`` changes, down to the members of hashes. Null where there was none."""
    previous: Json = {}
    for key, value in new.items():
        before = old.get(key)
        if before == value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            gone = dict.fromkeys(before.keys() - value.keys())
            previous[key] = previous_values(before, value | gone)
        else:
            previous[key] = deepcopy(before)
    return previous


def merged_metadata(current: dict[str, str], given: dict[str, str] | Literal[""]) -> dict[str, str]:
    """Stripe's rule for updates: keys are merged, an empty value unsets its key, and ``""`` unsets all."""
    if given == "":
        return {}
    merged = current | given
    return {key: value for key, value in merged.items() if value}
