"""Text that shows everything it holds.

Ids, reasons and names come from Stripe, from callers and from anybody who can write a table. A terminal obeys
control characters, and everything that shows text obeys characters that set its direction. Either could hide
what is there and show what is not: https://trojansource.codes, Unicode Technical Report 36.
"""

import re

_HIDDEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls, C0 and C1; ANSI escapes begin with one
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction: marks, embeddings, overrides, isolates
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # half a pair, which no encoding takes
    "]"
)


def visible(text: str) -> str:
    r"""The text in one line, with each such character as its escape, such as `\u202e`.

    JSON stays JSON with the same value: its strings may write any of these characters as escapes.
    """
    return text if text.isprintable() else _HIDDEN.sub(_escape, text)


def visible_lines(text: str) -> str:
    """The same for a text with line breaks of its own, which stay."""
    return "\n".join(map(visible, text.split("\n")))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
