"""The locales that a text may have, and the text that serves a reader. Tags are BCP 47's (RFC 5646)."""

import re
from collections.abc import Collection

PATTERN = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*(-[A-Za-z0-9](-[A-Za-z0-9]{2,8})+)*"
"""A language in lower case, script, region and variants, then extensions or private use (`-x-formal`)."""

MAX_LENGTH = 35
"""The length that everybody must support, longer than any tag in use: RFC 5646, section 4.4.1."""


def is_locale(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_LENGTH and bool(re.fullmatch(PATTERN, value))


def lookup(wanted: str, available: Collection[str]) -> str | None:
    """The locale that serves a reader who wants `wanted`; None if none does: RFC 4647, section 3.4.

    Case does not matter, and `_` may stand for `-`. `wanted` may be anything that a browser or a person
    sends. If it is longer than any locale, only as much is read as could match one.
    """
    by_lower_case = {locale.lower(): locale for locale in available}
    subtags = wanted[: MAX_LENGTH + 1].lower().replace("_", "-").split("-")
    for length in range(len(subtags), 0, -1):
        if found := by_lower_case.get("-".join(subtags[:length])):
            return found
    return None
