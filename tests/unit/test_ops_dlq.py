"""Reading a queue to its end, with what SQS may do meanwhile."""

from collections import deque
from random import Random
from typing import Any

from ops.dlq import each


class Queue:
    """As SQS: fewer than asked for, in any order; what was received is seen again five receives later."""

    def __init__(self, messages: int, seed: int) -> None:
        self._random = Random(seed)
        self._visible = {str(number) for number in range(messages)}
        self._held: deque[set[str]] = deque([set()] * 5)

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> Any:  # noqa: N803 - AWS's name
        some = min(self._random.randint(1, MaxNumberOfMessages), len(self._visible))
        received = set(self._random.sample(sorted(self._visible), some))
        self._visible = (self._visible - received) | self._held.popleft()
        self._held.append(received)
        return {"Messages": [{"MessageId": one, "ReceiptHandle": one} for one in received]}

    def change_message_visibility(self, **_: Any) -> None:
        pass


def test_what_is_seen_again_ends_it_only_once_all_is() -> None:
    for seed in range(50):
        seen: list[str] = []

        def show(message: Any, seen: list[str] = seen) -> bool:
            seen.append(message["MessageId"])
            return False

        assert each(Queue(40, seed), "url", None, show) == (40, 0), seed
        assert sorted(seen, key=int) == [str(number) for number in range(40)]
