"""A back end that charges the mandates of a running stack."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from tests.live.stack import GaveUp, Json, LiveStack

AMOUNTS = (100, 250, 1299)
"""In minor units: a mandate under terms/example.yaml has room for dozens of them in a month."""

PAUSE_SECONDS = 2.0
"""Between two charges, and no more than two requests are under way: the machine has two cores."""


REFUNDED, CALLED_OFF = 0.3, 0.5
"""The share of the charges that succeeded at once, and of the others."""


class BackEnd:
    """Makes charges as a good client does. `answered` has every charge that the API has told of."""

    def __init__(self, stack: LiveStack) -> None:
        self._stack = stack
        self._token = stack.described["tokens"]["service"]
        self._lock = Lock()
        self.answered: set[str] = set()
        self.refused: Counter[str] = Counter()
        self.afterwards: Counter[str] = Counter()
        """What was asked for after a charge, by what came of it."""

    def charge(self, mandate_id: str, *, key: str = "", amount: int = AMOUNTS[0]) -> Json | None:
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

    def refund(self, charge: Json, *, key: str = "", amount: int | None = None) -> None:
        """All that is left, without an amount."""
        body = {} if amount is None else {"amount": amount}
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        self._afterwards(f"/charges/{charge['charge_id']}/refunds", body, {200, 201, 409}, **headers)

    def call_off(self, charge: Json) -> None:
        self._afterwards(f"/charges/{charge['charge_id']}/cancel", None, {200, 409})

    def _afterwards(self, path: str, body: Json | None, expected: set[int], **headers: str) -> None:
        answer = self._stack.answered("POST", path, self._token, body, **headers)
        if answer.status_code not in expected:
            raise GaveUp(f"POST {path}: {answer.status_code} {answer.text}")
        with self._lock:
            self.afterwards[f"{path.rpartition('/')[2]} {answer.status_code}"] += 1

    def _perhaps_undo(self, charge: Json, pool: ThreadPoolExecutor, chance: random.Random) -> None:
        """Refund a charge that succeeded, now and then twice at once; call off some of the others."""
        if charge["status"] != "succeeded":
            if chance.random() < CALLED_OFF:
                self.call_off(charge)
        elif chance.random() < REFUNDED:
            amount = chance.choice((None, 60, 100))
            asked = [pool.submit(self.refund, charge, amount=amount) for _ in range(chance.choice((1, 1, 2)))]
            for one in asked:
                one.result()

    def charge_some(self, mandates: Callable[[], Sequence[str]], most: int, over: Event, seed: int) -> None:
        """Charge one after the other of these, until it is over or `most` were asked for. Some requests are
        sent twice at once, as by a client that lost patience."""
        chance, asked = random.Random(seed), 0
        with ThreadPoolExecutor(2) as pool:
            while asked < most and not over.wait(PAUSE_SECONDS):
                if not (known := mandates()):
                    continue
                mandate_id, key = chance.choice(known), uuid.uuid4().hex
                amount, copies = chance.choice(AMOUNTS), chance.choice((1, 1, 2))
                sent = [pool.submit(self.charge, mandate_id, key=key, amount=amount) for _ in range(copies)]
                told = [one.result() for one in sent]
                asked += copies
                if charge := next(filter(None, told), None):
                    self._perhaps_undo(charge, pool, chance)
