"""One byte string per value, so that a digest means the same thing everywhere."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """RFC 8785 (JSON Canonicalization Scheme) for the values used here.

    Objects with ASCII keys, arrays, strings, booleans, null and integers up to 2**53. Floats are refused: RFC
    8785 takes their text from ECMAScript. For the other values, sorted keys and no white space are enough.
    """
    _refuse_what_rfc8785_writes_otherwise(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def digest(value: Any) -> str:
    """SHA-256 over the canonical form, in lower-case hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


_LARGEST_EXACT_INTEGER = 2**53


def _refuse_what_rfc8785_writes_otherwise(value: Any) -> None:
    match value:
        case str() | bool() | None:
            pass
        case dict():
            for key, inner in value.items():
                if not (isinstance(key, str) and key.isascii()):
                    raise ValueError(f"a canonical object has ASCII string keys, not {key!r}")
                _refuse_what_rfc8785_writes_otherwise(inner)
        case list() | tuple():
            for inner in value:
                _refuse_what_rfc8785_writes_otherwise(inner)
        case int() if abs(value) <= _LARGEST_EXACT_INTEGER:
            pass
        case _:
            raise ValueError(f"no canonical form for {type(value).__name__}")
