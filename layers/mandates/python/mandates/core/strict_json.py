"""JSON in which no object names a field twice.

Of two values for one name, readers take the first, the last or neither (RFC 8259, section 4). So somebody
else could read the same bytes differently from what was recorded. I-JSON forbids it (RFC 7493, section 2.3).
"""

import json
from typing import Any

_MOST_SHOWN = 100  # characters of a field's name


class FieldGivenTwice(ValueError):
    """Its message names the field, in characters that are safe to print."""


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises FieldGivenTwice, or what `json.loads` raises."""
    return _decoder.decode(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FieldGivenTwice(f"the field {json.dumps(twice[:_MOST_SHOWN])} is given twice: give it once")
    return value


_decoder = json.JSONDecoder(object_pairs_hook=_object)
