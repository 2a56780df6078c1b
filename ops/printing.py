"""The only place where commands print, so that no input of theirs can control the operator's terminal."""

import os
import sys
from typing import TextIO

from mandates.core.visible import visible


def say(line: object = "") -> None:
    """Print one line, whatever it holds. Characters that would end it or hide a part are shown as escapes."""
    write(visible(str(line)), sys.stdout)


def complain(line: object) -> None:
    """The same for what went wrong, on stderr."""
    write(visible(str(line)), sys.stderr)


def show(document: str) -> None:
    """Print a text of several lines, such as indented JSON, which stays JSON with the same value."""
    for line in document.split("\n"):
        say(line)


def finish() -> None:
    """Flush what is still to be written. Python's own attempt at exit complains about a closed pipe."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _write_no_more(stream)


def write(text: str, stream: TextIO | None = None) -> None:
    """Write the text as it is. A command does its work (an erasure) even if nobody reads (`| head`)."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _write_no_more(stream)


def _write_no_more(stream: TextIO) -> None:
    """As in https://docs.python.org/3/library/signal.html#note-on-sigpipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
