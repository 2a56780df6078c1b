"""Stands between our code and botocore: the one place where tests touch a private name of botocore.

botocore's events (`before-call`, `after-call`) are not enough. They belong to one client, not to all that a
container makes; a request is prepared before the first of them; and after an error there is none, so nothing
could hold a lock, or lose an answer, around a whole call.
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient

Call = Callable[[Any, str, Any], Any]
"""A client, an operation and its parameters; returns the answer or raises ClientError."""


def real_call() -> Call:
    """How every call of every client is made now."""
    call: Call = BaseClient._make_api_call  # type: ignore[attr-defined]
    return call


def replace_calls(patch: pytest.MonkeyPatch, call: Call) -> None:
    """Every call of every client is made like this, until the patch is undone."""
    patch.setattr(BaseClient, "_make_api_call", call)
