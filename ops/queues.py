"""The stack's queues, as an operator sees them."""

from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from mandates.runtime.queues import Queue
from ops.stack import StackError


def client() -> Any:
    return boto3.client("sqs")


def depth(sqs: Any, url: str) -> int:
    """About how many messages are in the queue, including those being processed. Raises StackError."""
    try:
        return Queue(sqs, url).length()
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"can't read the queue {url}: {error}") from None
