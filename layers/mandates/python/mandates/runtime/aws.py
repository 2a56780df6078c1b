"""AWS clients with time-outs that end before the function does."""

import functools
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 3
ATTEMPTS = 3
"""They take at most 12 s and two short pauses, which fits every function's time-out."""


def client(service: str, **options: Any) -> Any:
    """A botocore client. boto3 would add its own import, and nothing here needs what it adds.

    `options` are further options of botocore.config.Config.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        **options,
    )
    return _session().create_client(service, config=config)


def error_code(error: Exception) -> str | None:
    """The code with which AWS refused a call, or the name of botocore's error if botocore did not even send
    it.

    None if nobody refused the call: there was no answer, or the error is of another kind.
    """
    if isinstance(error, ParamValidationError):
        return type(error).__name__
    return error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None


@functools.cache
def _session() -> botocore.session.Session:
    """One session for all clients. Otherwise each would read the same endpoints and credentials again."""
    return botocore.session.get_session()
