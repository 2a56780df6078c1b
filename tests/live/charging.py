"""A back end that charges the mandates of a running stack."""

import uuid
from collections import Counter
from threading import Lock

from tests.live.stack import GaveUp, Json, LiveStack

AMOUNT = 100
"""In minor units: a mandate under terms/example.yaml has room for a thousand of them in a month."""


class BackEnd:
    """Makes charges as a good client does. `answered` has every charge that the API has told of."""

    def __init__(self, stack: LiveStack) -> None:
        self._stack = stack
        self._token = stack.described["tokens"]["service"]
        self._lock = Lock()
        self.answered: set[str] = set()
        self.refused: Counter[str] = Counter()

    def charge(self, mandate_id: str, *, key: str = "", amount: int = AMOUNT) -> Json | None:
        """The charge; None if it was refused. Repeated under the same key until there is an answer."""
        key = key or uuid.uuid4().hex
        order = {
            "amount": amount,
            "currency": "usd",
            "reference": f"order-{key}",
            "description": f"Order {key[:8]}",
        }
        path = f"/mandates/{mandate_id}/charges"
        answer = self._stack.answered("POST", path, self._token, order, **{"Idempotency-Key": key})
        if answer.status_code not in {200, 201, 409}:
            raise GaveUp(f"POST {path}: {answer.status_code} {answer.text}")
        told: Json = answer.json()
        with self._lock:
            if answer.status_code == 409:
                self.refused.update(told["reasons"])
                return None
            self.answered.add(told["charge_id"])
        return told
