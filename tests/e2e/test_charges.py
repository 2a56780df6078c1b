"""Charges over HTTP on the deployed template: every reason, every class of refusal, a hundred at once.

What takes days (retries, `charge_by`, the end of a period) is in tests/component, on a clock that tests move.
"""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from local.demo import charge_them
from mandates.core.charging.reasons import Reason
from tests.e2e.charging import Shop
from tests.live.shared import StackJson
from tests.live.stack import LiveStack, until

Json = dict[str, Any]


@dataclass(frozen=True)
class Mandates:
    """Of the shop, by what they are for. `of` has those under other terms."""

    usual: str
    limited: str
    capped: str
    revoked: str
    pending: str
    ended: str
    detached: str
    rushed: str
    of: Mapping[str, str]


@pytest.fixture(scope="module")
def shop(stack: StackJson, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop(LiveStack(stack), tmp_path_factory.mktemp("shop"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def mandates(shop: Shop) -> Mandates:
    usual, limited, capped, revoked, ended, detached, rushed = shop.agreed(7)
    shop.post(f"/mandates/{revoked}/revoke", {}).raise_for_status()
    pending = shop.pending()
    with shop.other_terms() as of:
        return Mandates(usual, limited, capped, revoked, pending, ended, detached, rushed, of)


# ------------------------------------------------------------------------------------------- reasons

Case = tuple[str, Json]
"""A mandate and what to charge it."""

CASES: dict[Reason, Callable[[Shop, Mandates], AbstractContextManager[Case]]] = {}


def reaches(reason: Reason) -> Callable[[Callable[[Shop, Mandates], Iterator[Case]]], None]:
    def add(case: Callable[[Shop, Mandates], Iterator[Case]]) -> None:
        CASES[reason] = contextmanager(case)

    return add


@reaches(Reason.MANDATE_NOT_ACTIVE)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.pending, {}


@reaches(Reason.MANDATE_REVOKED)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.revoked, {}


@reaches(Reason.CURRENCY_NOT_AGREED)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.usual, {"currency": "eur"}


@reaches(Reason.AMOUNT_NOT_AGREED)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.of["fixed, monthly"], {"amount": 1298}


@reaches(Reason.ABOVE_CHARGE_LIMIT)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.usual, {"amount": 30_001}


@reaches(Reason.ABOVE_PERIOD_LIMIT)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    for _ in range(3):
        shop.charged(mandates.limited, amount=30_000)
    yield mandates.limited, {"amount": 10_001}


@reaches(Reason.TOO_FREQUENT)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    shop.charged(mandates.of["fixed, monthly"])
    yield mandates.of["fixed, monthly"], {}


@reaches(Reason.ONE_TIME_ALREADY_USED)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    shop.charged(mandates.of["once"])
    yield mandates.of["once"], {}


@reaches(Reason.BEFORE_START)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.of["not yet, with notice"], {}


@reaches(Reason.NOTICE_REQUIRED)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.of["not yet, with notice"], {}


@reaches(Reason.AFTER_END)
def _(_shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.of["over"], {}


@reaches(Reason.RETURN_NOT_SEEN)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    """Nobody here comes back to the shop."""
    with shop.variable("CHARGE_ONLY_AFTER_RETURN", "true", of=("CreateCharge", "ReadCharges")):
        yield mandates.usual, {}


@reaches(Reason.IN_PROGRESS)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    with shop.payments({"outcome": "processing", "amount": 1111}):
        slow = shop.charged(mandates.usual, amount=1111)
    yield mandates.usual, {"reference": slow["reference"]}


@reaches(Reason.ALREADY_CHARGED)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    yield mandates.usual, {"reference": shop.charged(mandates.usual)["reference"]}


@reaches(Reason.DISPUTED)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    paid = shop.charged(mandates.usual)
    opened = shop.live.control(f"payment_intents/{paid['payment_intent_id']}/dispute")
    until(lambda: "disputed" in shop.check(mandates.usual)["reasons"], seconds=60)
    yield mandates.usual, {}
    shop.live.control(f"disputes/{opened['dispute']['id']}/move", status="won")
    until(lambda: "disputed" not in shop.check(mandates.usual)["reasons"], seconds=60)


@reaches(Reason.TOO_MANY_ATTEMPTS)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    with shop.payments({"outcome": "declined", "amount": 1112}):
        for _ in range(10):
            shop.charged(mandates.capped, amount=1112)
    yield mandates.capped, {}


@reaches(Reason.CHARGING_PAUSED)
def _(shop: Shop, mandates: Mandates) -> Iterator[Case]:
    shop.ops("charges", "pause", "--why", "a test")
    try:
        yield mandates.usual, {}
    finally:
        shop.ops("charges", "resume", "--why", "the test is over")


TOGETHER = {Reason.BEFORE_START: [Reason.BEFORE_START, Reason.NOTICE_REQUIRED]}
TOGETHER[Reason.NOTICE_REQUIRED] = TOGETHER[Reason.BEFORE_START]
IN_TIME = {
    Reason.ABOVE_PERIOD_LIMIT,
    Reason.TOO_FREQUENT,
    Reason.TOO_MANY_ATTEMPTS,
}
"""What time alone ends. So does the start, but not the notice that is missing, too."""


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_refuses_a_charge_and_a_check_says_the_same(
    shop: Shop, mandates: Mandates, reason: Reason
) -> None:
    with CASES[reason](shop, mandates) as (mandate_id, changes):
        refused = shop.charge(mandate_id, **changes)
        checked = shop.check(mandate_id, **{"reference": uuid.uuid4().hex, **changes})
    told = refused.json()
    assert (refused.status_code, told["code"]) == (409, "charge_not_permitted")
    assert told["reasons"] == TOGETHER.get(reason, [reason])
    assert (told["earliest"] is not None) == (reason in IN_TIME)
    assert (checked["permitted"], checked["reasons"]) == (False, told["reasons"])
    assert (checked["left"], checked["earliest"]) == (told["left"], told["earliest"])


# ------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("outcome", "status", "failure"),
    [
        ({"outcome": "succeeded"}, "succeeded", None),
        ({"outcome": "declined"}, "retrying", "soft"),
        ({"outcome": "declined", "code": "payment_method_customer_decline"}, "needs_customer", "customer"),
        ({"outcome": "requires_action"}, "needs_customer", "customer"),
        ({"outcome": "refused", "code": "payment_method_currency_mismatch"}, "failed", "final"),
        ({"outcome": "refused", "code": "payment_intent_mandate_invalid"}, "retrying", "ours_to_mend"),
        ({"outcome": "refused", "code": "payment_method_unexpected_state"}, "retrying", "ours_to_mend"),
        ({"outcome": "refused", "code": "payment_method_unactivated"}, "retrying", "ours_to_mend"),
        ({"outcome": "succeeded", "answer": "lost"}, "succeeded", None),
        ({"outcome": "nothing", "answer": "lost", "times": 1}, "succeeded", None),
        ({"outcome": "succeeded", "answer": "server_error"}, "succeeded", None),
        ({"outcome": "nothing", "answer": "server_error"}, "pending", None),
        ({"outcome": "processing", "then": "succeeded", "seconds": 0.5}, "succeeded", None),
        ({"outcome": "processing", "then": "failed", "seconds": 0.5}, "retrying", "soft"),
    ],
    ids=str,
)
def test_each_class_of_outcome(
    shop: Shop, mandates: Mandates, outcome: Json, status: str, failure: str | None
) -> None:
    with shop.payments({**outcome, "amount": 1234}):
        made = shop.charged(mandates.usual, amount=1234)
        charge = shop.once(made["charge_id"], status)
    assert (charge["failure"] and charge["failure"]["class"]) == failure
    assert charge["attempts"] == 1
    assert (charge["end_reason"] == "declined") == (status == "failed")


def test_a_mandate_that_amazon_ended_is_withdrawn_with_its_charge(shop: Shop, mandates: Mandates) -> None:
    method = shop.mandate(mandates.ended)["payment_method_id"]
    with shop.without_webhooks():
        shop.live.control(f"payment_methods/{method}/revoke_at_amazon")
        charge = shop.charged(mandates.ended)
        assert (charge["status"], charge["end_reason"]) == ("canceled", "withdrawn")
        assert shop.mandate(mandates.ended)["status"] == "revoked"


def test_a_payment_method_that_was_detached_is_withdrawn_with_its_charge(
    shop: Shop, mandates: Mandates
) -> None:
    method = shop.mandate(mandates.detached)["payment_method_id"]
    with shop.without_webhooks():
        shop.live.control(f"payment_methods/{method}/detach")
        charge = shop.charged(mandates.detached)
        assert (charge["status"], charge["end_reason"]) == ("canceled", "withdrawn")
        assert shop.mandate(mandates.detached)["status"] == "revoked"


def test_the_demo_makes_one_charge_is_refused_another_and_gives_a_part_back(
    shop: Shop, mandates: Mandates, capsys: pytest.CaptureFixture[str]
) -> None:
    charge = charge_them(shop.live.described, {"mandate_id": mandates.usual})
    printed = capsys.readouterr().out
    assert shop.read(charge["charge_id"])["status"] == "succeeded"
    assert "amount: 12.99 USD\n      status: succeeded" in printed
    assert "reasons: above_charge_limit\n      earliest: never" in printed
    assert "amount: 2.99 USD\n      status: pending" in printed
    assert shop.read(charge["charge_id"])["refunded"] == 299


# ---------------------------------------------------------------------------------------------- rush


def test_a_hundred_at_once_against_room_for_seven(shop: Shop, mandates: Mandates) -> None:
    def ends(number: int) -> str:
        answer = shop.charge(mandates.rushed, f"rush-{number}", amount=14_000)
        return f"{answer.status_code} {','.join(answer.json().get('reasons', ()))}".strip()

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(ends, range(100)))
    assert outcomes == {"201": 7, "409 above_period_limit": 93}
    until(lambda: len(shop.taken(mandates.rushed)) == 7, seconds=90)
    assert shop.taken(mandates.rushed) == [14_000] * 7


# ---------------------------------------------------------------------------------------------- JSON


def body(**raw: str) -> str:
    """A body whose members are the texts given."""
    members = {name: json.dumps(value) for name, value in BODY.items()} | raw
    return "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"


BODY = {"amount": 1299, "currency": "usd", "reference": "order", "description": "Coffee"}


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        (body(amount="10.0"), "amount"),
        (body(amount="1e3"), "amount"),
        (body(amount="true"), "amount"),
        (body(amount='"1299"'), "amount"),
        (body(amount="null"), "amount"),
        (body(amount="0"), "amount"),
        (body(amount="-1"), "amount"),
        (body(amount="100000000"), "amount"),
        (body(amount="99999999999999999999"), "amount"),
        (body(currency='"USD"'), "currency"),
        (body(currency='"xau"'), "currency"),
        (body(currency="[]"), "currency"),
        (body().replace('"amount"', '"amount": 1, "amount"'), "amount"),
        (body().replace('"currency"', '"currency": "usd", "currency"'), "currency"),
        (body().replace('"reference"', '"referenc\\u0065": "x", "reference"'), "reference"),
        (body(reference='""'), "reference"),
        (body(reference=json.dumps("x" * 201)), "reference"),
        (body(description=json.dumps("x" * 501)), "description"),
        (body(charge_by='"tomorrow"'), "charge_by"),
        (body(charge_by='"2000-01-01T00:00:00Z"'), "charge_by"),
        (body(amounts="1"), "amounts"),
    ],
    ids=str,
)
def test_a_body_that_means_something_else_is_refused_by_name(
    shop: Shop, mandates: Mandates, sent: str, names: str
) -> None:
    refused = shop.post(f"/mandates/{mandates.usual}/charges", sent, **{"Idempotency-Key": uuid.uuid4().hex})
    assert 400 <= refused.status_code < 500, refused.text
    assert names in refused.json()["detail"]
    assert refused.headers["Content-Type"] == "application/problem+json"
