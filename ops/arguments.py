"""What commands take. What is no such thing is refused before anything is asked or changed."""

import argparse

MAX_BYTES = 1024
"""Of a sort key of DynamoDB's, which can't be empty either:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


def an_id(text: str) -> str:
    """Any that could be stored, so that what should not be there can be asked for."""
    if not (text and _is_utf8(text) and len(text.encode()) <= MAX_BYTES):
        raise argparse.ArgumentTypeError(f"an id is a text of 1 to {MAX_BYTES} bytes; is a variable empty?")
    return text


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return int(text)


def short(text: str) -> str:
    if not (1 <= len(text.strip()) <= 200 and _is_utf8(text)):
        raise argparse.ArgumentTypeError("1 to 200 characters")
    return text.strip()


def _is_utf8(text: str) -> bool:
    """Not what a shell hands over of bytes that are none: https://peps.python.org/pep-0383/"""
    return not any("\ud800" <= character <= "\udfff" for character in text)
