"""One way to write and to fail: a transaction, and what DynamoDB's refusals mean."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pynamodb.exceptions import PutError, PynamoDBException, TransactWriteError, UpdateError
from pynamodb.transactions import TransactWrite

from mandates.errors import Busy
from mandates.store.connecting import connection

MAX_TRANSACTION_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""

ATTEMPTS = 20
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0


class Conflict(Exception):
    """A named condition did not hold, somebody was writing the same item, or DynamoDB asked for patience:
    read again and retry."""


@contextmanager
def transaction() -> Iterator[TransactWrite]:
    """All or nothing. Raises Conflict; botocore's own client token makes its retries safe."""
    with conflicts_named(), TransactWrite(connection=connection()) as writing:
        yield writing


@contextmanager
def conflicts_named() -> Iterator[None]:
    try:
        yield
    except TransactWriteError as error:
        if error.cause_response_code == "TransactionCanceledException" and all(
            reason is None or reason.code in _CONFLICT_CODES for reason in error.cancellation_reasons
        ):
            raise Conflict from error
        if error.cause_response_code in {"TransactionInProgressException", "TransactionConflictException"}:
            raise Conflict from error
        raise
    except (PutError, UpdateError) as error:
        if error.cause_response_code in _SINGLE_ITEM_CONFLICTS:
            raise Conflict from error
        raise


_CONFLICT_CODES = frozenset(
    {
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "None",
    }
)
_SINGLE_ITEM_CONFLICTS = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})

StoreError = PynamoDBException
"""Whatever DynamoDB could not do; a later attempt may succeed."""


def until_no_conflict[Result](
    attempt: Callable[[], Result], sleep: Callable[[float], None] = time.sleep
) -> Result:
    """Repeat `attempt`, which reads, decides and writes, while it raises Conflict.

    Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), at most
    ATTEMPTS times; then Busy, and nothing was done.
    """
    for tried in range(ATTEMPTS):
        try:
            return attempt()
        except Conflict:
            longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**tried)
            sleep(random.uniform(0, longest))  # noqa: S311 - spreads load, guards nothing
    raise Busy("others kept changing this at the same time; try again")
