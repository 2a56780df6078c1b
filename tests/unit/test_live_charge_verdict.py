"""The verdict on charges under load and chaos finds what is wrong: each kind of it, put in on purpose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeFact, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import refund_id
from mandates.core.ledger import PersonalValue
from mandates.core.terms import Limits
from tests.live.charge_verdict import OVERDUE_SECONDS, StoredCharges, charge_problems, refund_problems
from tests.unit.charging import A_MONTH, utc
from tests.unit.test_charge_facts import CANCELED, RESERVED, SOFT, begun, failed, told
from tests.unit.test_charge_outward import added, new_charge

LIMITS = Limits("usd", per_charge=5_000, per_period=A_MONTH)
AT = utc("2026-11-20T12:00")


def charge_of(key: str, *entries: list[ChargeFact]) -> tuple[Charge, list[ChargeEntry]]:
    """A charge with an intent of its own, after these entries."""
    written = {"reference": PersonalValue(f"order-{key}", "00" * 32)}
    charge = replace(new_charge(), charge_id=f"chg_{'a' * 24}_{key * 16}", personal=written)
    intent = charge_fact(ChargeKind.INTENT_CREATED, 1_001, "api:charge", payment_intent=f"pi_{key}")
    chain = []
    for facts in ([RESERVED], [intent], *entries):
        charge, entry = added(charge, *facts)
        chain.append(entry)
    return charge, chain


PAID, PAID_CHAIN = charge_of("b", [begun(1)], [told(ChargeKind.ATTEMPT_SUCCEEDED, 1)])
ENDED, ENDED_CHAIN = charge_of("c", [CANCELED])
RETRYING, RETRYING_CHAIN = charge_of("d", [begun(1)], [failed(1, SOFT)])


def intent(charge: Charge, took: int = 0, status: str = "canceled") -> dict[str, Any]:
    return {
        "id": charge.payment_intent_id,
        "status": "succeeded" if took else status,
        "amount_received": took,
        "currency": "usd",
        "created": AT,
        "metadata": {"charge_id": charge.charge_id},
    }


@dataclass
class World:
    stored: StoredCharges
    intents: list[dict[str, Any]]
    answered: list[str]
    now: float

    def problems(self, limits: Limits = LIMITS) -> list[str]:
        of = {PAID.mandate_id: limits}
        return list(charge_problems(self.stored, self.answered, self.intents, of, self.now))

    def replace(self, charge: Charge, **changes: Any) -> None:
        self.stored.charges[charge.charge_id] = replace(charge, **changes)


@pytest.fixture
def world() -> World:
    assert RETRYING.due_at
    stored = StoredCharges(
        charges={charge.charge_id: charge for charge in (PAID, ENDED, RETRYING)},
        open={RETRYING.charge_id},
        used={(PAID.mandate_id, "2026-11-01"): PAID.amount + RETRYING.amount},
    )
    for charge, chain in ((PAID, PAID_CHAIN), (ENDED, ENDED_CHAIN), (RETRYING, RETRYING_CHAIN)):
        stored.chains[charge.charge_id] = list(chain)
    intents = [
        intent(PAID, PAID.amount),
        intent(ENDED),
        intent(RETRYING, status="requires_payment_method"),
    ]
    return World(stored, intents, [PAID.charge_id], RETRYING.due_at)


def test_what_is_right_has_no_problems(world: World) -> None:
    assert [PAID.status, ENDED.status, RETRYING.status] == ["succeeded", "canceled", "retrying"]
    assert world.problems() == []
    assert world.stored.unsettled() == []


def lose_the_charge(world: World) -> None:
    del world.stored.charges[PAID.charge_id]


def alter_an_entry(world: World) -> None:
    chain = world.stored.chains[PAID.charge_id]
    chain[1] = replace(chain[1], status="succeeded")


def remove_the_last_entry(world: World) -> None:
    world.stored.chains[PAID.charge_id].pop()


def forget_to_look_again(world: World) -> None:
    world.replace(RETRYING, due_at=None)


def forget_that_it_is_open(world: World) -> None:
    world.stored.open.clear()


def leave_it_open(world: World) -> None:
    world.stored.open.add(PAID.charge_id)


def leave_it_due(world: World) -> None:
    world.replace(ENDED, due_at=int(world.now))


def let_it_wait(world: World) -> None:
    world.now += OVERDUE_SECONDS + 1


def take_nothing(world: World) -> None:
    world.intents[0] = intent(PAID)


def take_twice(world: World) -> None:
    world.intents.append({**intent(PAID, PAID.amount), "id": "pi_second"})


def take_by_an_unrecorded_intent(world: World) -> None:
    world.intents[0]["id"] = "pi_second"


def take_another_amount(world: World) -> None:
    world.intents[0]["amount_received"] += 1


def take_another_currency(world: World) -> None:
    world.intents[0]["currency"] = "eur"


def take_for_an_ended_charge(world: World) -> None:
    world.intents[1] = intent(ENDED, ENDED.amount)


def leave_an_ended_charge_its_intent(world: World) -> None:
    world.intents[1] = intent(ENDED, status="requires_payment_method")


def pay_a_reference_twice(world: World) -> None:
    world.replace(replace(PAID, charge_id=ENDED.charge_id), personal=PAID.personal)


def count_too_little(world: World) -> None:
    world.stored.used = {(PAID.mandate_id, "2026-11-01"): PAID.amount}


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lose_the_charge, "was answered and is not there"),
        (lose_the_charge, "money was taken for"),
        (alter_an_entry, "entry 2 is the first that does not hold"),
        (remove_the_last_entry, "entry 4 is the first that does not hold"),
        (forget_to_look_again, "nobody will look at it again"),
        (forget_that_it_is_open, "nobody will look at it again"),
        (leave_it_open, "still listed as open or due"),
        (leave_it_due, "still listed as open or due"),
        (let_it_wait, "has been due for 181 s"),
        (take_nothing, "is succeeded, and Stripe took money for it 0 times"),
        (take_twice, "took money 2 times"),
        (take_by_an_unrecorded_intent, "and Stripe took ('pi_second'"),
        (take_another_amount, "and Stripe took ('pi_b', 1001"),
        (take_another_currency, "'eur'"),
        (take_for_an_ended_charge, "is canceled, and Stripe took money for it 1 times"),
        (leave_an_ended_charge_its_intent, "its intent can still take money"),
        (pay_a_reference_twice, "order-b of mdt_aaaaaaaaaaaaaaaaaaaaaaaa was paid 2 times"),
        (count_too_little, "its periods count"),
    ],
)
def test_harm_is_found(world: World, harm: Callable[[World], None], problem: str) -> None:
    harm(world)
    assert any(problem in said for said in world.problems())


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"per_charge": PAID.amount - 1}, "more than the limit for a charge"),
        (
            {"per_period": replace(A_MONTH, amount=PAID.amount - 1)},
            "1000 were taken in the period from 2026-11-01",
        ),
    ],
)
def test_more_than_the_limits_is_found(world: World, limits: Mapping[str, Any], problem: str) -> None:
    assert any(problem in said for said in world.problems(replace(LIMITS, **limits)))


@pytest.mark.parametrize("kind", [ChargeKind.ATTEMPT_BEGUN, ChargeKind.ATTEMPT_PROCESSING])
def test_what_the_next_minutes_decide_is_unsettled(kind: ChargeKind) -> None:
    more = [] if kind is ChargeKind.ATTEMPT_BEGUN else [[told(kind, 1)]]
    charge, _ = charge_of("e", [begun(1)], *more)
    assert charge.status in {ChargeStatus.PENDING, ChargeStatus.PROCESSING}
    assert StoredCharges({charge.charge_id: charge}).unsettled() == [charge.charge_id]


# ------------------------------------------------------------------------------------------ refunds


REFUND_ID = refund_id(PAID.charge_id, "one")


def refunded() -> Charge:
    asked = charge_fact(
        ChargeKind.REFUND_REQUESTED, AT, "api:create_refund", about=REFUND_ID, amount="300", currency="usd"
    )
    made: dict[str, Any] = {"about": REFUND_ID, "refund": "re_1"}
    created = charge_fact(ChargeKind.REFUND_CREATED, AT, "evt_1", **made, amount="300", currency="usd")
    return added(PAID, asked, created, charge_fact(ChargeKind.REFUND_SUCCEEDED, AT, "evt_2", **made))[0]


def at_stripe(id_: str = "re_1", **changes: Any) -> dict[str, Any]:
    """The refund as Stripe has it."""
    made = {"id": id_, "payment_intent": PAID.payment_intent_id, "status": "succeeded", "amount": 300}
    return {**made, "metadata": {"refund_id": REFUND_ID}, **changes}


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ([at_stripe()], None),
        ([], "has the refunds {'re_1'"),
        ([at_stripe(status="failed")], "and Stripe {'re_1': ('failed', 300)}"),
        ([at_stripe(amount=301)], "and Stripe {'re_1': ('succeeded', 301)}"),
        ([at_stripe(), at_stripe("re_2", metadata={})], "'re_2'"),
        ([at_stripe(), at_stripe("re_2")], f"{REFUND_ID} was made 2 times"),
        ([at_stripe(), at_stripe("re_2", amount=701)], "took 1000, and 1001 of it were given back"),
    ],
)
def test_refunds_are_those_of_stripe(there: list[dict[str, Any]], problem: str | None) -> None:
    found = list(refund_problems(StoredCharges({PAID.charge_id: refunded()}), there))
    assert found == [] if problem is None else any(problem in said for said in found)


def test_a_pending_refund_is_unsettled_and_due(world: World) -> None:
    asked = charge_fact(
        ChargeKind.REFUND_REQUESTED, AT, "api:create_refund", about=REFUND_ID, amount="300", currency="usd"
    )
    charge, entry = added(PAID, asked)
    world.stored.chains[PAID.charge_id].append(entry)
    world.stored.open.add(PAID.charge_id)
    world.replace(charge, due_at=int(world.now))
    assert world.problems() == []
    assert world.stored.unsettled() == [PAID.charge_id]
    world.replace(charge, due_at=None)
    assert any("is not due exactly if a refund is pending" in said for said in world.problems())
