"""Charges over the API: what is asked, who may ask, and what is answered."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from mandates.core.changes import Contribution
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeKind, EndReason
from mandates.core.charging.ids import charge_id, refund_id
from mandates.core.charging.movements import Movement
from mandates.core.clock import Instant
from mandates.core.return_tokens import By, returned
from mandates.core.terms import PeriodLimit
from mandates.ledger.contributing import contribute
from mandates.revocation.revoking import revoke
from mandates.store import charging_switch
from mandates.store.charges import read_charge
from mandates.store.movements import keep_movements
from mandates.store.tables import TermsRow
from tests.component.charging import active_mandate, pending_mandate
from tests.component.test_charge_reservation import told
from tests.component.world import (
    STRANGER,
    TABLES,
    Answer,
    World,
    answer,
    api_event,
    charge_body,
    customer,
    service,
)
from tests.unit.charging import A_MONTH, MONTHLY, NOW, terms

LIMITED = terms(per_period=A_MONTH)
CHARGES = service("charges:write")
READS = service("mandates:read")
DAY = 86_400
ONLY_FOR_SERVICES = {
    "payment_intent_id",
    "failure",
    "disputes",
    "fee",
    "net",
    "balance_currency",
    "movements",
}
NOT_BOOKED: dict[str, Any] = {"fee": None, "net": None, "balance_currency": None, "movements": []}


def in_seconds(seconds: float, offset: str = "Z") -> str:
    """That long from now, in RFC 3339."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat().replace("+00:00", offset)


def problem(refused: Answer) -> tuple[int, str]:
    return refused.status, refused.body["code"]


@pytest.fixture(autouse=True)
def as_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes of a charge at Stripe is test_create_charge.py's."""
    monkeypatch.setattr("mandates.charges.advancing.advance", lambda charge, _: charge)


# ------------------------------------------------------------------------------------------ creating


def test_a_charge_is_made_and_shown(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id, "order-42", reference="ördér 42 №", description="Kaffee ☕️")
    now = made.body["created_at"]
    assert made.status == 201
    assert made.body == {
        "charge_id": charge_id(mandate_id, "order-42"),
        "mandate_id": mandate_id,
        "status": "pending",
        "amount": 1299,
        "currency": "usd",
        "reference": "ördér 42 №",
        "description": "Kaffee ☕️",
        "created_at": now,
        "charge_by": made.body["charge_by"],
        "attempts": 0,
        "will_retry_at": None,
        "refunded": 0,
        "refundable": 0,
        "end_reason": None,
        "payment_intent_id": None,
        "failure": None,
        "disputes": [],
    }
    lasts = datetime.fromisoformat(made.body["charge_by"]) - datetime.fromisoformat(now).replace(
        microsecond=0
    )
    assert lasts.days == 8
    assert made.headers["Cache-Control"] == "no-store"


def test_the_same_request_is_the_same_charge(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    first = world.charge(mandate_id)
    again = world.charge(mandate_id, caller=service("charges:write", "mandates:write"))
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 1298},
        {"currency": "eur"},
        {"reference": "order-43"},
        {"description": "Order 43"},
        {"charge_by": in_seconds(DAY)},
    ],
)
def test_another_body_under_the_key_is_refused(world: World, changes: dict[str, Any]) -> None:
    mandate_id = active_mandate(LIMITED)
    first = world.charge(mandate_id)
    assert problem(world.charge(mandate_id, **changes)) == (422, "idempotency_key_reused")
    assert world.charge(mandate_id).body == first.body


def test_what_means_the_same_is_the_same_request(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    instant = int(time.time()) + DAY
    zulu = datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")
    numeric = zulu.replace("Z", "+00:00")
    assert world.charge(mandate_id, charge_by=zulu).status == 201
    reordered = dict(reversed(charge_body(charge_by=numeric).items()))
    assert world.charge(mandate_id, body=reordered).status == 200


def test_a_key_counts_within_its_mandate(world: World) -> None:
    one, other = active_mandate(LIMITED), active_mandate(LIMITED, "pm_other")
    made = [world.charge(mandate_id) for mandate_id in (one, other)]
    assert [made_.status for made_ in made] == [201, 201]
    assert made[0].body["charge_id"] != made[1].body["charge_id"]


@pytest.mark.parametrize("key", [None, "", "x" * 256, "order 42", "a, b", "ördér", "a\n", "a\t", "\x7f"])
def test_a_wrong_key_is_refused_by_the_headers_name(world: World, key: str | None) -> None:
    mandate_id = active_mandate(LIMITED)
    refused = world.charge(mandate_id, key)
    assert problem(refused) == (400, "invalid_request")
    assert "Idempotency-Key" in refused.body["detail"]
    assert world.list_charges(mandate_id).body["charges"] == []


@pytest.mark.parametrize("key", ["!", "~" * 255, "a,b", '"quoted"', "0"])
def test_a_key_is_anything_visible_in_ascii(world: World, key: str) -> None:
    assert world.charge(active_mandate(LIMITED), key).status == 201


def test_two_keys_are_refused(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    event = api_event(
        "POST",
        "/mandates/{mandate_id}/charges",
        path={"mandate_id": mandate_id},
        body=charge_body(),
        caller=CHARGES,
        headers={"Idempotency-Key": "b"},
    )
    event["multiValueHeaders"]["Idempotency-Key"] = ["a", "b"]
    refused = answer(world.invoke("create_charge", event))
    assert problem(refused) == (400, "invalid_request")
    assert "Idempotency-Key is given twice" in refused.body["detail"]


# -------------------------------------------------------------------------------------------- fields

WRONG: dict[str, str] = {
    "amount": '0 -1 100000000 12345678901234567890 10.0 1e3 1E2 10.5 true "10" null [10] {}',
    "currency": '"USD" "Usd" "xxx" "bhd" "us" "" null 840',
    "reference": r'"" "a\nb" "a\u0000" "\u202eb" "a\u200bb" "a\u00a0b" null 42',
    "description": r'"" "a\nb" "a\u001b[2J" "a\u202eb" "a\u2028b" null 42',
    "charge_by": '"" "tomorrow" "2027-01-01" "2027-01-01T00:00:00" 1798761600 true',
}
"""By field, values in JSON, with a space between them."""
TOO_LONG = [("reference", json.dumps("x" * 201)), ("description", json.dumps("x" * 501))]
CASES = [(field, wrong) for field, values in WRONG.items() for wrong in values.split()] + TOO_LONG


def with_raw(field: str, raw: str, **changes: Any) -> str:
    """A body in JSON with that text as the field's value."""
    return json.dumps(charge_body(**{field: "here", **changes})).replace('"here"', raw)


@pytest.mark.parametrize(("field", "raw"), CASES)
def test_a_wrong_field_is_refused_by_its_name(world: World, field: str, raw: str) -> None:
    mandate_id = active_mandate(LIMITED)
    body = with_raw(field, raw)
    refused = world.charge(mandate_id, body=body)
    assert problem(refused) == (400, "invalid_request")
    assert field in refused.body["detail"]
    checked = world.call(
        "read_charges",
        "/mandates/{mandate_id}/charges/check",
        method="POST",
        path={"mandate_id": mandate_id},
        body=body,
        caller=CHARGES,
    )
    assert checked.body == refused.body
    assert world.list_charges(mandate_id).body["charges"] == []


@pytest.mark.parametrize("field", charge_body())
def test_a_field_that_is_left_out_is_named(world: World, field: str) -> None:
    body = {name: value for name, value in charge_body().items() if name != field}
    refused = world.charge(active_mandate(LIMITED), body=body)
    assert problem(refused) == (400, "invalid_request")
    assert field in refused.body["detail"]


@pytest.mark.parametrize("field", ["at", "amout", "customer_id", "mandate_id", "payment_method"])
def test_an_unknown_field_is_refused_by_its_name(world: World, field: str) -> None:
    refused = world.charge(active_mandate(LIMITED), body={**charge_body(), field: "x"})
    assert problem(refused) == (400, "invalid_request")
    assert field in refused.body["detail"]


@pytest.mark.parametrize("field", charge_body())
def test_a_field_that_is_given_twice_is_refused_by_its_name(world: World, field: str) -> None:
    body = charge_body()
    twice = json.dumps(body)[:-1] + f", {json.dumps(field)}: {json.dumps(body[field])}}}"
    refused = world.charge(active_mandate(LIMITED), body=twice)
    assert problem(refused) == (400, "invalid_request")
    assert f'"{field}" is given twice' in refused.body["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 1},
        {"amount": 99_999_999},
        {"reference": "x" * 200},
        {"reference": "№ 42 / ümläut 💶"},
        {"description": "x" * 500},
        {"description": "👩\u200d🍳 für dich"},  # joined, which customers' names of things may be
        {"charge_by": None},
        {"charge_by": in_seconds(DAY)},
        {"charge_by": in_seconds(30 * DAY - 60, "+00:00")},
    ],
)
def test_the_last_value_of_each_field_is_taken(world: World, changes: dict[str, Any]) -> None:
    assert world.charge(active_mandate(terms(per_charge=99_999_999)), **changes).status == 201


@pytest.mark.parametrize("seconds", [-1, -DAY, 30 * DAY + 60, 400 * DAY])
def test_a_charge_by_that_has_passed_or_is_far_is_refused(world: World, seconds: int) -> None:
    mandate_id = active_mandate(LIMITED)
    for refused in (
        world.charge(mandate_id, charge_by=in_seconds(seconds)),
        world.check_charge(mandate_id, charge_by=in_seconds(seconds)),
    ):
        assert problem(refused) == (400, "invalid_request")
        assert "charge_by" in refused.body["detail"]


def test_a_repeat_is_recognised_after_its_charge_by(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mandate_id, body = active_mandate(LIMITED), charge_body(charge_by=in_seconds(60))
    made = world.charge(mandate_id, body=body)
    later = time.time() + 3_600
    monkeypatch.setattr("time.time", lambda: later)
    assert world.charge(mandate_id, body=body).body == made.body
    assert problem(world.charge(mandate_id, "another", body=body)) == (400, "invalid_request")


# ------------------------------------------------------------------------------------------ refusals


def test_a_refusal_says_why_and_when_and_uses_no_key_up(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    assert world.charge(mandate_id, "first", amount=4_900).status == 201
    refused = world.charge(mandate_id, "second", amount=5_100, reference="other")
    assert problem(refused) == (409, "charge_not_permitted")
    assert refused.body["reasons"] == ["above_charge_limit"]
    assert (refused.body["left"], refused.body["currency"]) == (5_100, "usd")
    assert refused.body["earliest"] is None
    assert "charge_id" not in refused.body
    assert world.charge(mandate_id, "second", amount=5_000, reference="other").status == 201
    waits = world.charge(mandate_id, "third", amount=5_000, reference="third")
    assert waits.body["reasons"] == ["above_period_limit"]
    assert waits.body["left"] == 100
    assert datetime.fromisoformat(waits.body["earliest"]) > datetime.now(UTC)


def test_a_reference_is_taken_while_its_charge_is_not_over(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id, "first").body["charge_id"]
    in_progress = world.charge(mandate_id, "second")
    assert (in_progress.body["reasons"], in_progress.body["charge_id"]) == (["in_progress"], made)
    succeeded(made)
    charged = world.charge(mandate_id, "second")
    assert (charged.body["reasons"], charged.body["charge_id"]) == (["already_charged"], made)


def test_a_reference_is_free_once_its_charge_has_ended(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id, "first").body["charge_id"]
    told(charge_of(made), ChargeKind.ENDING, reason=EndReason.CANCELED)
    assert world.charge(mandate_id, "second").status == 201


def test_a_mandate_that_is_not_active_is_not_charged(world: World) -> None:
    pending = pending_mandate(LIMITED)
    assert world.charge(pending).body["reasons"] == ["mandate_not_active"]
    active = active_mandate(LIMITED)
    revoke(active, by="customer", reason="requested", clock=time.time)
    assert world.charge(active).body["reasons"] == ["mandate_revoked"]


def test_a_repeat_is_recognised_after_a_withdrawal(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id)
    revoke(mandate_id, by="customer", reason="requested", clock=time.time)
    assert (world.charge(mandate_id).status, world.charge(mandate_id).body) == (200, made.body)


def test_nothing_is_charged_while_charging_is_paused(world: World) -> None:
    mandate_id, now = active_mandate(LIMITED), Instant(time.time())
    charging_switch.pause("ann", "wrong descriptor", now)
    assert world.charge(mandate_id).body["reasons"] == ["charging_paused"]
    assert world.check_charge(mandate_id).body["reasons"] == ["charging_paused"]
    charging_switch.resume("ann", "mended", now)
    assert world.charge(mandate_id).status == 201


def test_a_stack_may_charge_only_who_came_back(world: World) -> None:
    world.environment["CHARGE_ONLY_AFTER_RETURN"] = "true"
    mandate_id = active_mandate(LIMITED)
    assert world.charge(mandate_id).body["reasons"] == ["return_not_seen"]
    assert world.check_charge(mandate_id).body["reasons"] == ["return_not_seen"]
    for by, reasons in ((By.ANOTHER, ["return_not_seen"]), (By.CUSTOMER, [])):
        back = returned(by, int(time.time()), "api:record_return")
        contribute(mandate_id, [Contribution(back.source, (back,))], time.time)
        assert world.check_charge(mandate_id).body["reasons"] == reasons
    assert world.charge(mandate_id).status == 201


def test_stripe_will_be_sent_what_was_asked_and_whose_it_is(world: World) -> None:
    world.environment["STATEMENT_DESCRIPTOR"] = "EXAMPLE SHOP"
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id).body["charge_id"]
    assert charge_of(made).create_params == {
        "amount": 1299,
        "currency": "usd",
        "customer": "cus_1",
        "allowed_payment_method_types": ["amazon_pay"],
        "description": "Order 42 at Example Shop",
        "statement_descriptor": "EXAMPLE SHOP",
        "metadata": {
            "managed_by": "test-stack",
            "mandate_id": mandate_id,
            "charge_id": made,
            "reference": "order-42",
        },
    }


def test_yen_have_no_cents_anywhere(world: World) -> None:
    """Paymenter#1258"""
    yen = terms(currency="jpy", per_charge=1_299, per_period=PeriodLimit(1_299, A_MONTH.period, "Asia/Tokyo"))
    mandate_id = active_mandate(yen)
    assert world.check_charge(mandate_id, currency="jpy").body["left"] == 1_299
    made = world.charge(mandate_id, currency="jpy").body
    assert (made["amount"], made["currency"]) == (1_299, "jpy")
    assert charge_of(made["charge_id"]).create_params["amount"] == 1_299
    assert world.get_charge(made["charge_id"]).body["amount"] == 1_299
    assert world.list_charges(mandate_id).body["charges"][0]["amount"] == 1_299
    assert world.check_charge(mandate_id, currency="jpy", reference="other").body["left"] == 0


# --------------------------------------------------------------------------------------------- who may


def charge_of(charge_id: str) -> Any:
    charge = read_charge(charge_id)
    assert charge
    return charge


def succeeded(charge_id: str) -> None:
    told(charge_of(charge_id), ChargeKind.ATTEMPT_SUCCEEDED, int(time.time()), attempt=1)


@pytest.mark.parametrize("do", ["charge", "check_charge"])
def test_only_a_service_that_may_charge_does(world: World, do: str) -> None:
    mandate_id = active_mandate(LIMITED)
    act = getattr(world, do)
    own, scopes = act(mandate_id, caller=customer()), service("mandates:read", "mandates:write")
    assert problem(own) == (403, "insufficient_scope")
    assert "service token with charges:write" in own.body["detail"]
    assert problem(act(mandate_id, caller=scopes)) == (403, "insufficient_scope")
    assert problem(act(mandate_id, caller=customer(STRANGER))) == (404, "not_found")
    assert problem(act("mdt_unknown", caller=customer())) == (404, "not_found")
    assert problem(act("mdt_unknown", caller=CHARGES)) == (404, "not_found")
    assert problem(act(mandate_id, caller={**CHARGES, "expires_at": "1"})) == (401, "unauthenticated")
    assert world.list_charges(mandate_id).body["charges"] == []


def test_who_may_charge_is_asked_before_what_is_sent(world: World) -> None:
    """A customer learns nothing of another's mandate from how their body is taken."""
    mandate_id = active_mandate(LIMITED)
    refused = world.charge(mandate_id, None, caller=customer(STRANGER), body="{")
    assert problem(refused) == (404, "not_found")


def test_a_service_is_told_what_stripe_booked(world: World) -> None:
    made = world.charge(active_mandate(LIMITED)).body["charge_id"]
    empty = world.get_charge(made).body
    assert (empty["fee"], empty["net"], empty["balance_currency"], empty["movements"]) == (
        None,
        None,
        None,
        [],
    )
    payment = Movement(
        made, "txn_1", "payment", "py_1", 1_299, 68, 1_231, "usd", NOW, NOW + 60, payout="po_1"
    )
    refund = replace(payment, transaction_id="txn_2", type="payment_refund", amount=-299, fee=0, net=-299)
    keep_movements([payment, refund])
    booked = world.get_charge(made).body
    assert (booked["fee"], booked["net"], booked["balance_currency"]) == (68, 932, "usd")
    assert [(one["amount"], one["payout_id"]) for one in booked["movements"]] == [
        (1_299, "po_1"),
        (-299, "po_1"),
    ]
    keep_movements([replace(refund, currency="eur", exchange_rate="0.91")])
    mixed = world.get_charge(made).body
    assert (mixed["fee"], mixed["net"], mixed["balance_currency"]) == (None, None, None)
    assert mixed["movements"][1]["exchange_rate"] == "0.91"
    assert "movements" not in world.get_charge(made, customer()).body


def test_refunds_are_listed_newest_first(world: World) -> None:
    made = world.charge(active_mandate(LIMITED)).body["charge_id"]
    told(charge_of(made), ChargeKind.ATTEMPT_SUCCEEDED, NOW, attempt=1)
    for at in (NOW + 2, NOW + 3, NOW + 1):
        said = {"refund": f"re_{at}", "amount": "10", "currency": "usd"}
        told(charge_of(made), ChargeKind.REFUND_CREATED, at, about=refund_id(made, f"{at}"), **said)
    listed = world.list_refunds(made).body["refunds"]
    assert [one["stripe_refund_id"] for one in listed] == [f"re_{NOW + after}" for after in (3, 2, 1)]
    assert {one["actor"] for one in listed} == {None}


def test_a_charge_is_read_by_services_and_by_its_own_customer(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id).body
    for_customer = {
        name: value
        for name, value in made.items()
        if name not in {"payment_intent_id", "failure", "disputes"}
    }
    assert world.get_charge(made["charge_id"]).body == made | NOT_BOOKED
    assert world.list_charges(mandate_id).body["charges"] == [made]
    assert world.get_charge(made["charge_id"], customer()).body == for_customer
    assert world.list_charges(mandate_id, caller=customer()).body["charges"] == [for_customer]
    for caller, refused in (
        (customer(STRANGER), (404, "not_found")),
        (CHARGES, (403, "insufficient_scope")),
    ):
        assert problem(world.get_charge(made["charge_id"], caller)) == refused
        assert problem(world.list_charges(mandate_id, caller=caller)) == refused


@pytest.mark.parametrize("caller", [READS, customer(), customer(STRANGER)])
def test_what_is_no_charge_is_not_found(world: World, caller: Mapping[str, str]) -> None:
    mandate_id = active_mandate(LIMITED)
    others = active_mandate(LIMITED, "pm_other", customer_id="auth0|bob")
    for unknown in (
        charge_id(mandate_id, "never used"),
        charge_id(others, "never used"),
        "chg_",
        f"chg_{'a' * 24}_{'b' * 16}",
        mandate_id,
        "..%2Fmandates",
    ):
        assert problem(world.get_charge(unknown, caller)) == (404, "not_found")


# ---------------------------------------------------------------------------------------------- lists


def test_page_by_page_newest_first(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = [world.charge(mandate_id, f"key-{n}", reference=f"order-{n}").body["charge_id"] for n in range(5)]
    found: list[str] = []
    query = {"limit": "2"}
    for _ in range(9):
        page = world.list_charges(mandate_id, query, customer()).body
        found += [charge["charge_id"] for charge in page["charges"]]
        if page["next_cursor"] is None:
            break
        query = {"limit": "2", "cursor": page["next_cursor"]}
    assert found == made[::-1]


def test_a_cursor_reaches_no_other_mandates_charges(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    for number in range(2):
        world.charge(mandate_id, f"key-{number}", reference=f"order-{number}")
    cursor = world.list_charges(mandate_id, {"limit": "1"}).body["next_cursor"]
    others = active_mandate(LIMITED, "pm_other", customer_id=STRANGER)
    page = world.list_charges(others, {"cursor": cursor}, customer(STRANGER))
    assert page.body == {"charges": [], "next_cursor": None}


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": "e30"}])
def test_a_wrong_query_is_named(world: World, query: dict[str, str]) -> None:
    refused = world.list_charges(active_mandate(LIMITED), query)
    assert problem(refused) == (400, "invalid_request")
    assert next(iter(query)) in refused.body["detail"]


# ------------------------------------------------------------------------------------------- statuses

Told = tuple[ChargeKind, dict[str, Any]]
BEGUN: Told = (ChargeKind.ATTEMPT_BEGUN, {"attempt": 1, "day": "2026-11-27"})
INTENT: Told = (ChargeKind.INTENT_CREATED, {})
SOFT = {
    "attempt": 1,
    "status": "402",
    "code": "payment_method_provider_decline",
    "decline_code": "do_not_honor",
}
CUSTOMER_MUST = {"attempt": 1, "status": "402", "code": "authentication_required"}

STATUSES: dict[str, tuple[list[Told], ChargeStatus, dict[str, Any]]] = {
    "begun": ([BEGUN], ChargeStatus.PENDING, {"attempts": 1}),
    "processing": ([BEGUN, (ChargeKind.ATTEMPT_PROCESSING, {"attempt": 1})], ChargeStatus.PROCESSING, {}),
    "soft decline": (
        [BEGUN, (ChargeKind.ATTEMPT_FAILED, SOFT)],
        ChargeStatus.RETRYING,
        {
            "failure": {
                "class": "soft",
                "code": "payment_method_provider_decline",
                "decline_code": "do_not_honor",
            }
        },
    ),
    "needs the customer": (
        [BEGUN, (ChargeKind.ATTEMPT_FAILED, CUSTOMER_MUST)],
        ChargeStatus.NEEDS_CUSTOMER,
        {"failure": {"class": "customer", "code": "authentication_required", "decline_code": None}},
    ),
    "succeeded": (
        [
            BEGUN,
            (ChargeKind.ATTEMPT_FAILED, SOFT),
            (ChargeKind.ATTEMPT_SUCCEEDED, {"attempt": 1}),
        ],
        ChargeStatus.SUCCEEDED,
        {"failure": None, "end_reason": None},
    ),
    "ending": (
        [BEGUN, (ChargeKind.ENDING, {"reason": EndReason.OVERDUE})],
        ChargeStatus.PROCESSING,
        {"end_reason": None},
    ),
    "failed": (
        [
            BEGUN,
            (ChargeKind.ATTEMPT_FAILED, {"attempt": 1, "status": "402", "code": "amount_too_small"}),
            (ChargeKind.ENDING, {"reason": EndReason.DECLINED}),
            (ChargeKind.INTENT_CANCELED, {}),
        ],
        ChargeStatus.FAILED,
        {
            "end_reason": "declined",
            "failure": {"class": "final", "code": "amount_too_small", "decline_code": None},
        },
    ),
    "withdrawn": (
        [(ChargeKind.ENDING, {"reason": EndReason.WITHDRAWN})],
        ChargeStatus.CANCELED,
        {"end_reason": "withdrawn", "attempts": 0, "failure": None},
    ),
    "cancelled at Stripe": (
        [BEGUN, (ChargeKind.INTENT_CANCELED, {})],
        ChargeStatus.CANCELED,
        {"end_reason": "canceled"},
    ),
}


@pytest.mark.parametrize("name", STATUSES)
def test_each_status_as_services_and_customers_see_it(world: World, name: str) -> None:
    facts, status, shown = STATUSES[name]
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id).body["charge_id"]
    for kind, said in facts:
        told(charge_of(made), kind, int(time.time()), **said)
    seen, own = world.get_charge(made).body, world.get_charge(made, customer()).body
    assert (seen["status"], own["status"]) == (status, status)
    assert {field: seen[field] for field in shown} == shown
    assert (seen["will_retry_at"] is not None) == (status is ChargeStatus.RETRYING)
    assert own == {field: value for field, value in seen.items() if field not in ONLY_FOR_SERVICES}
    assert "do_not_honor" not in json.dumps(own)
    assert world.charge(mandate_id).status == 200  # a repeat shows it, whatever it is
    assert world.charge(mandate_id).body | NOT_BOOKED == seen


def test_every_status_is_reached() -> None:
    assert {status for _, status, _ in STATUSES.values()} == set(ChargeStatus)


def test_the_next_attempt_is_none_where_the_charge_ends_first(world: World) -> None:
    made = world.charge(active_mandate(LIMITED), charge_by=in_seconds(60)).body["charge_id"]
    for kind, said in (BEGUN, (ChargeKind.ATTEMPT_FAILED, SOFT)):
        told(charge_of(made), kind, int(time.time()), **said)
    seen = world.get_charge(made).body
    assert (seen["status"], seen["will_retry_at"]) == ("retrying", None)


# --------------------------------------------------------------------------------------------- checking


def test_a_check_says_what_a_charge_would_meet_and_changes_nothing(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    before = everything_stored(world)
    world.calls.clear()
    checked = world.check_charge(mandate_id)
    assert checked.status == 200
    assert (checked.body["permitted"], checked.body["reasons"], checked.body["left"]) == (True, [], 10_000)
    assert checked.body["currency"] == "usd"
    assert checked.body["window"] is None
    assert checked.body["period"]["start"] <= checked.body["earliest"] < checked.body["period"]["end"]
    assert everything_stored(world) == before
    assert {call.operation for call in world.calls if call.function == "read_charges"} <= {"BatchGetItem"}


def everything_stored(world: World) -> dict[str, Any]:
    dynamodb: Any = boto3.client("dynamodb")
    return {name: dynamodb.scan(TableName=name)["Items"] for name in TABLES}


def test_a_check_answers_as_the_charge_does(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = world.charge(mandate_id, "first", amount=5_000).body["charge_id"]
    for changes in (
        {"amount": 5_001},
        {"amount": 5_000, "reference": "other"},
        {"currency": "eur", "reference": "other"},
    ):
        checked, charged = (
            world.check_charge(mandate_id, **changes),
            world.charge(mandate_id, "next", **changes),
        )
        assert checked.body["permitted"] is (charged.status == 201)
        if charged.status == 409:
            named = ("reasons", "left", "currency", "earliest")
            assert [checked.body[name] for name in named] == [charged.body[name] for name in named]
    assert world.check_charge(mandate_id, amount=5_001).body["reasons"][-1] == "in_progress"
    assert made == world.charge(mandate_id, "first", amount=5_000).body["charge_id"]


def test_a_check_may_be_about_a_later_time(world: World) -> None:
    monthly = replace(terms(MONTHLY, per_period=A_MONTH), time_zone="America/New_York")
    mandate_id = active_mandate(monthly)
    world.charge(mandate_id)
    now = world.check_charge(mandate_id, reference="next").body
    assert (now["permitted"], now["reasons"]) == (False, ["too_frequent"])
    assert now["earliest"] == now["window"]["end"]
    then = world.check_charge(mandate_id, reference="next", at=now["earliest"]).body
    assert (then["permitted"], then["reasons"], then["earliest"]) == (True, [], now["earliest"])
    assert then["window"]["start"] == now["earliest"]


@pytest.mark.parametrize("at", [None, "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_without_a_later_time_a_check_is_about_now(world: World, at: str | None) -> None:
    checked = world.check_charge(active_mandate(LIMITED), at=at)
    assert checked.body["permitted"]
    assert abs(datetime.fromisoformat(checked.body["earliest"]).timestamp() - time.time()) < 60


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-14:00", "2050-01-01T00:00:00Z", "soon", 7, "2027-01-01T00:00:00"]
)
def test_a_time_that_can_not_be_meant_is_refused_by_its_name(world: World, at: Any) -> None:
    refused = world.check_charge(active_mandate(LIMITED), at=at)
    assert problem(refused) == (400, "invalid_request")
    assert re.search(r"^at must be|\$\.at`", refused.body["detail"])


def test_altered_terms_charge_nobody(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    for row in TermsRow.scan():
        row.delete()
    assert problem(world.charge(mandate_id)) == (500, "ledger_unreadable")
    assert problem(world.check_charge(mandate_id)) == (500, "ledger_unreadable")
