"""SQS standard queues in memory: at least once, in no order, with a visibility time-out and a redrive policy.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
The numbers are template.yaml's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass
class Message:
    message_id: str
    body: str
    sent_at: float
    visible_at: float
    received: int = 0
    receipt: str = ""


@dataclass
class Queue:
    """`dead_letters` and `most_receives` as the redrive policy has them; None where there is none."""

    url: str
    visibility_seconds: int
    retention_seconds: int
    dead_letters: "Queue | None" = None
    most_receives: int | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    _sent: int = 0

    @classmethod
    def declared(
        cls, url: str, properties: Mapping[str, Any], dead_letters: "Queue | None" = None
    ) -> "Queue":
        redrive = properties.get("RedrivePolicy", {})
        return cls(
            url,
            properties.get("VisibilityTimeout", 30),
            properties["MessageRetentionPeriod"],
            dead_letters,
            redrive.get("maxReceiveCount"),
        )

    def send(self, body: str, now: float) -> str:
        self._sent += 1
        message_id = f"{self.url.rpartition('/')[2]}-{self._sent}"
        self.messages[message_id] = Message(message_id, body, now, now)
        return message_id

    def receive(self, most: int, now: float, random: Random) -> list[Message]:
        """Up to `most` messages, in any order; they are in flight until their visibility time-out is over."""
        self._forget_old(now)
        waiting = [message for message in self.messages.values() if message.visible_at <= now]
        random.shuffle(waiting)
        taken: list[Message] = []
        for message in waiting:
            if self.dead_letters and self.most_receives and message.received >= self.most_receives:
                del self.messages[message.message_id]
                self.dead_letters.messages[message.message_id] = message
            elif len(taken) < most:
                message.received += 1
                message.receipt = f"{message.message_id}/{message.received}"
                message.visible_at = now + self.visibility_seconds
                taken.append(message)
        return taken

    def delete(self, message: Message, receipt: str) -> None:
        """Only the latest receipt counts: a message received again meanwhile stays."""
        if self.messages.get(message.message_id) is message and message.receipt == receipt:
            del self.messages[message.message_id]

    def change_visibility(self, receipt: str, seconds: int, now: float) -> None:
        for message in self.messages.values():
            if message.receipt == receipt:
                message.visible_at = now + seconds

    def due(self, now: float) -> bool:
        return any(message.visible_at <= now for message in self.messages.values())

    def next_visible(self) -> float | None:
        return min((message.visible_at for message in self.messages.values()), default=None)

    def holds(self, text: str) -> bool:
        """Whether a message with that in it waits or is in flight."""
        return any(text in message.body for message in self.messages.values())

    def _forget_old(self, now: float) -> None:
        for message_id, message in list(self.messages.items()):
            if now - message.sent_at >= self.retention_seconds:
                del self.messages[message_id]
