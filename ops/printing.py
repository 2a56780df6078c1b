"""The one place where a command prints, so that nothing it was given can act on the operator's terminal."""

import os
import sys
from typing import TextIO

from mandates.core.visible import visible


def say(line: object = "") -> None:
    """One line, whatever it holds: what would end it or hide a part of it is shown as an escape."""
    write(visible(str(line)), sys.stdout)


def complain(line: object) -> None:
    """The same, of what went wrong."""
    write(visible(str(line)), sys.stderr)


def show(document: str) -> None:
    """A text of several lines, such as indented JSON, which stays JSON with the same value."""
    for line in document.split("\n"):
        say(line)


def finish() -> None:
    """What is still to be written, is written: Python's own attempt at its end complains of a closed pipe."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _write_no_more(stream)


def write(text: str, stream: TextIO | None = None) -> None:
    """As it is. Where nobody reads any more (`| head`), a command still does its work (an erasure)."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _write_no_more(stream)


def _write_no_more(stream: TextIO) -> None:
    """As https://docs.python.org/3/library/signal.html#note-on-sigpipe has it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
