"""The forms of our own ids, where something that is not one must not get further."""

import re

MANDATE_ID = re.compile(r"mdt_[a-z2-7]{24}")


def is_mandate_id(value: object) -> bool:
    return isinstance(value, str) and MANDATE_ID.fullmatch(value) is not None
