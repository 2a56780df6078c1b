"""Charges of a mandate that was set up at the simulator, taken to their end by the real SDK."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.client import BaseClient

from local.stripe_simulator import PaymentPlan
from mandates.charges.advancing import advance
from mandates.charges.context import Charging
from mandates.charges.recording import record
from mandates.charges.reserving import reserve
from mandates.core.charging.decision import ChargeRules
from mandates.core.charging.facts import ChargeFact, ChargeKind, charge_fact
from mandates.core.charging.head import Charge, ChargeDetails, Params
from mandates.core.errors import StripeUnavailable
from mandates.core.mandate import Mandate
from mandates.gateway.client import Gateway
from mandates.gateway.http_client import Urllib3Client
from mandates.gateway.payment_intents import create_params
from mandates.store.charge_items import UsageRow
from mandates.store.charges import read_charge
from mandates.store.dynamodb import query
from tests.aws_calls import real_call, replace_calls
from tests.component.charging import order
from tests.component.test_revoking import active
from tests.component.world import OWNER_MARK, World, stripes_clock

MINUTE, HOUR, DAY = 60, 3_600, 86_400


class Crash(BaseException):
    """The process ends here, without notice."""


class Watched(Urllib3Client):
    """Tells of every request, before and after Stripe has it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, connect_timeout=2, read_timeout=8)
        self.before: Callable[[str, str], None] = lambda _method, _url: None
        self.after: Callable[[str, str], None] = lambda _method, _url: None

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        self.before(method, url)
        answer = super().request(method, url, headers, post_data, **more)
        self.after(method, url)
        return answer


@dataclass
class Till:
    """One mandate that is charged. Our clock is the simulator's."""

    world: World
    mandate_id: str
    payment_method: str
    http: Watched = field(init=False)
    seconds_left: float = 60.0
    return_required: bool = False
    keys: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.http = Watched(self.world.stripe.url)

    @property
    def gateway(self) -> Gateway:
        url = self.world.stripe.url
        return Gateway("sk_test_placeholder", api_base=url, http_client=self.http, sleep=lambda _: None)

    @property
    def charging(self) -> Charging:
        return Charging(
            gateway=self.gateway,
            clock=stripes_clock,
            time_left=lambda: self.seconds_left,
            owner_mark=OWNER_MARK,
            rules=ChargeRules(return_required=self.return_required),
            send_stripe_mandate=False,
        )

    def reserve(self, amount: int = 1_000, **changes: Any) -> str:
        """The id of a new charge."""
        ordered = order(self.mandate_id, f"key-{next(self.keys)}", amount=amount, **changes)
        return reserve(ordered, _params, stripes_clock, os.urandom, rules=ChargeRules()).charge.charge_id

    def advance(self, charge_id: str) -> Charge:
        return advance(self.read(charge_id), self.charging)

    def after(self, seconds: float, charge_id: str) -> Charge:
        """The charge, advanced again so much later."""
        self.world.advance_stripe(seconds)
        return self.advance(charge_id)

    def when_due(self, charge_id: str) -> Charge:
        due = self.read(charge_id).due_at
        assert due
        return self.after(max(0.0, due - stripes_clock() + 1), charge_id)

    def to_its_end(self, charge_id: str, *, looks: int = 40) -> Charge:
        """Advanced whenever it is due, whatever Stripe answers, until it is final."""
        for _ in range(looks):
            charge = self.read(charge_id)
            if charge.is_final:
                return charge
            with suppress(StripeUnavailable):
                self.when_due(charge_id)
        raise AssertionError(f"still {charge.status}")

    def read(self, charge_id: str) -> Charge:
        charge = read_charge(charge_id)
        assert charge
        return charge

    def script(self, *payments: Mapping[str, Any]) -> None:
        self.world.stripe.core.set_payments(PaymentPlan.parse({"payments": list(payments)}))

    def intent(self, charge_id: str) -> Any:
        found = self.read(charge_id).payment_intent_id
        assert found
        return self.world.stripe.core.find("payment_intent", found)

    def sent(self, path_ends: str, method: str = "POST") -> list[Any]:
        """What Stripe was asked, by the end of the path."""
        return [
            request
            for request in self.world.stripe.core.requests()
            if request.method == method
            and request.path.startswith("/v1/payment_intents")
            and request.path.endswith(path_ends)
        ]

    @property
    def intents(self) -> list[Any]:
        return list(self.world.stripe.core.all("payment_intent"))

    @property
    def periods(self) -> dict[str, int]:
        """What the charges of each calendar period hold."""
        periods = UsageRow.mandate_id == self.mandate_id
        rows = query(UsageRow, periods & UsageRow.record.startswith(UsageRow.PERIOD))
        return {row.record: int(row.used or 0) for row in rows}

    def record_intent(self, charge_id: str, payment_intent_id: str) -> None:
        def created(_charge: Charge, now: int) -> list[ChargeFact]:
            named = payment_intent_id
            return [charge_fact(ChargeKind.INTENT_CREATED, now, "api:test", payment_intent=named)]

        record(charge_id, created, source="api:test", clock=stripes_clock)

    def seconds_to_next_month(self) -> float:
        """In the time zone of the terms."""
        zone = ZoneInfo("America/New_York")
        now = datetime.fromtimestamp(stripes_clock(), zone)
        first = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
        return first.timestamp() - now.timestamp()

    @property
    def taken(self) -> list[int]:
        """The amounts of all payments that succeeded at Stripe."""
        charges = self.world.stripe.core.all("charge")
        return [charge["amount"] for charge in charges if charge["status"] == "succeeded"]

    @property
    def used(self) -> int:
        return sum(self.periods.values())


def till_of(world: World) -> Till:
    return Till(world, *active(world))


def _params(mandate: Mandate, charge_id: str, details: ChargeDetails) -> Params:
    return create_params(
        charge_id=charge_id,
        mandate_id=mandate.mandate_id,
        owner_mark=OWNER_MARK,
        stripe_customer_id=mandate.stripe_customer_id,
        amount=details.amount,
        currency=details.currency,
        reference=details.reference,
        description=details.description,
        statement_descriptor=None,
    )


WRITES = {"TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem"}


@contextmanager
def crash(till: Till, at: int, *, done: bool) -> Iterator[list[str]]:
    """The process ends at the call with this number, of all writes and of all requests to Stripe; `done`:
    after it has taken effect. The list has what it ended at."""
    call, calls, ended = real_call(), count(), list[str]()

    def reached(what: str) -> None:
        if not ended and next(calls) == at:
            ended.append(what)
            raise Crash(what)

    def writing(self: BaseClient, operation: str, parameters: Any) -> Any:
        if operation not in WRITES:
            return call(self, operation, parameters)
        if not done:
            reached(operation)
        answer = call(self, operation, parameters)
        if done:
            reached(operation)
        return answer

    def asking(method: str, url: str) -> None:
        reached(f"{method} {url.partition('/v1')[2]}")

    setattr(till.http, "after" if done else "before", asking)
    with pytest.MonkeyPatch.context() as patch:
        replace_calls(patch, writing)
        try:
            yield ended
        finally:
            till.http.before = till.http.after = lambda _method, _url: None
