"""The one place where a command prints, so that nothing it was given can act on the operator's terminal."""

import sys

from mandates.core.visible import visible


def say(line: object = "") -> None:
    """One line, whatever it holds: what would end it or hide a part of it is shown as an escape."""
    print(visible(str(line)), flush=True)


def complain(line: object) -> None:
    """The same, of what went wrong."""
    print(visible(str(line)), file=sys.stderr, flush=True)


def show(document: str) -> None:
    """A text of several lines, such as indented JSON, which stays JSON with the same value."""
    for line in document.split("\n"):
        say(line)
