"""Sends many messages to a queue at once, and says how many it accepted."""

from collections.abc import Sequence
from itertools import batched
from typing import Any

_MOST_PER_CALL = 10
"""Together they may have 1 MiB; a projected event has less than 10 kB.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""


class Queue:
    def __init__(self, sqs: Any, url: str) -> None:
        """`sqs` is a botocore client."""
        self._sqs = sqs
        self._url = url

    def length(self) -> int:
        """About how many messages are in the queue, waiting or being processed."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def send(self, messages: Sequence[str]) -> int:
        """How many of them the queue accepted. The messages of one call succeed or fail separately."""
        taken = 0
        for some in batched(messages, _MOST_PER_CALL, strict=False):
            entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(some)]
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            taken += len(answer.get("Successful", ()))
        return taken
