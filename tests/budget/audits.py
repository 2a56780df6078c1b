"""What the audit costs for 1,000 payments of ours, and for 1,000 of others on the same Stripe account.

    python -m tests.budget.audits        prints the table of docs/deploying.md

The real function audits ten at Stripe's simulator, and what it asks of AWS is counted (metering.py). What a
run without news costs is taken off. A page of Stripe's lists holds a hundred, so runs take less time.
"""

import os
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

from mandates.charges.auditing_looks import AGES
from mandates.core.charging.charge import ChargeStatus
from mandates.gateway.payment_intents import confirm_params
from mandates.runtime.telemetry import metrics
from tests.budget import cost
from tests.budget.metering import Meter
from tests.component.advancing import DAY, Till, till_of
from tests.component.world import Context, World
from tests.live.table import table

A_FEW = 10
COUNTED = ("DynamoDB reads", "DynamoDB writes", "Lambda duration", "CloudWatch Logs")


def nothing(_till: Till) -> None:
    pass


def our_charges(till: Till) -> None:
    for _ in range(A_FEW):
        assert till.advance(till.reserve(100)).status is ChargeStatus.SUCCEEDED


def strangers_payments(till: Till) -> None:
    intents = till.gateway.payment_intents
    customer = till.world.stripe.core.find("payment_method", till.payment_method)["customer"]
    for number in range(A_FEW):
        made = {"amount": 100, "currency": "usd", "customer": customer}
        key = f"stranger-{number}"
        intent = intents.create({**made, "allowed_payment_method_types": ["amazon_pay"]}, idempotency_key=key)
        params = confirm_params(payment_method_id=till.payment_method)
        intents.confirm(intent.payment_intent_id, params, idempotency_key=f"{key}/confirm")


def audited(prepare: Callable[[Till], None], world: World, meter: Meter) -> None:
    """In a run at each of the ages at which a charge is looked at. The first has two days to read, and looks
    at our charges before it reads what they moved. So it examines each of them, as hourly runs need not."""
    till = till_of(world)
    _run(world)
    prepare(till)
    meter.start_again()
    before = 0
    for days in AGES:
        world.stripe.core.advance((days - before) * DAY + 2 * 3_600)
        before = days
        _run(world)


def _run(world: World) -> None:
    now = world.stripe.core.clock()
    world.function("audit_charges").time = SimpleNamespace(time=lambda: now)
    world.invoke("audit_charges", {}, Context(remaining_seconds=900))


def main() -> int:
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1"}
    metrics.namespace, metrics.service = "test", "test"
    runs = cost.counted_of(partial(audited, nothing)).units
    rows = []
    for name, prepare in (("ours", our_charges), ("of others", strangers_payments)):
        units = cost.counted_of(partial(audited, prepare)).units
        each = {one: (units[one] - runs[one]) * 1_000 / A_FEW for one in COUNTED}
        dollars = sum(each[one] * cost.PRICES[one].dollars / cost.PRICES[one].per for one in COUNTED)
        rows.append((name, *(f"{each[one]:,.0f}" for one in COUNTED), f"${dollars:.4f}"))
    print(table(("1,000 payments", *COUNTED, "in all"), rows))
    a_run = {one: runs[one] / len(AGES) for one in COUNTED}
    dollars = sum(a_run[one] * cost.PRICES[one].dollars / cost.PRICES[one].per for one in COUNTED)
    print(f"a run without news: ${dollars:.6f}, ${dollars * 24 * 30:.2f} a month")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
