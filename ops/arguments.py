"""Types of the commands' arguments. A wrong argument is refused before anything is read or changed."""

import argparse
from datetime import date

MAX_BYTES = 1024
"""The limit of a DynamoDB sort key, which can't be empty either:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


def an_id(text: str) -> str:
    """Any id that could be stored, so that an operator can also ask for one that should not exist."""
    if not (text and _is_utf8(text) and len(text.encode()) <= MAX_BYTES):
        raise argparse.ArgumentTypeError(f"an id is text of 1 to {MAX_BYTES} bytes; is a variable empty?")
    return text


def a_day(text: str) -> date:
    """In UTC."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give a day, such as 2026-11-27") from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a number, 1 or more")
    return int(text)


def short(text: str) -> str:
    if not (1 <= len(text.strip()) <= 200 and _is_utf8(text)):
        raise argparse.ArgumentTypeError("give 1 to 200 characters")
    return text.strip()


def _is_utf8(text: str) -> bool:
    """False if it holds bytes that a shell passed on and that are not UTF-8: https://peps.python.org/pep-0383/"""
    return not any("\ud800" <= character <= "\udfff" for character in text)
