"""`python -m ops charges …` and `explain chg_…`: what waits, why, and the switch."""

import csv
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from mandates.charges.recording import record
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.differences import Difference, DifferenceKind
from mandates.core.charging.facts import ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import charge_id, refund_id
from mandates.core.charging.movements import Movement
from mandates.core.clock import Instant, rfc3339
from mandates.core.ledger import PersonalValue
from mandates.store.charge_items import ChargeEntryRow
from mandates.store.charges import read_charge, read_charge_ledger
from mandates.store.charging_switch import read_pause
from mandates.store.differences import keep_difference
from mandates.store.movements import keep_movements
from ops import explain_charge
from ops.stack import Stack
from tests.component.advancing import Till, till_of
from tests.component.charging import active_mandate, begun, reserved, with_intent
from tests.component.operating import main
from tests.component.test_charge_reservation import told
from tests.component.test_charge_routes import SOFT, STATUSES
from tests.component.world import OWNER_MARK, World
from tests.unit.charging import A_MONTH, terms

DAY = 86_400
LIMITED = terms(per_period=A_MONTH)
DISPUTE: dict[str, Any] = {
    "amount": "1000",
    "currency": "usd",
    "reason": "fraudulent",
    "status": "needs_response",
}


@pytest.fixture(autouse=True)
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables are bound already, and there is no CloudFormation stack to ask."""
    monkeypatch.setattr(Stack, "use_tables", lambda _self: None)


def a_charge(key: str = "key-1", mandate_id: str | None = None) -> Charge:
    return reserved(mandate_id or active_mandate(LIMITED), time.time(), key).charge


def printed(capsys: pytest.CaptureFixture[str], *command: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(command) == code
    out, err = capsys.readouterr()
    return out if code == 0 else err


# ------------------------------------------------------------------------------------------------ due


def test_a_mandates_open_charges_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = active_mandate(LIMITED)
    assert printed(capsys, "charges", "due", mandate_id) == "no charge is open\n"
    open_, over = a_charge("one", mandate_id), a_charge("two", mandate_id)
    told(over, ChargeKind.ENDING, reason=EndReason.CANCELED)
    (line,) = printed(capsys, "charges", "due", mandate_id).splitlines()
    for part in (open_.charge_id, "pending", "1000 usd (minor units)", "0 attempts", "order-one"):
        assert part in line


def test_what_is_due_is_shown_and_on_request_all_that_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    late = reserved(active_mandate(LIMITED), time.time() - 3_600).charge
    fresh = a_charge()
    due = printed(capsys, "charges", "due")
    assert late.charge_id in due
    assert fresh.charge_id not in due
    every = printed(capsys, "charges", "due", "--all")
    assert late.charge_id in every
    assert fresh.charge_id in every
    assert "… and more: --limit 10" in printed(capsys, "charges", "due", "--all", "--limit", "1")


def test_without_anything_due_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "charges", "due") == "no charge is due\n"
    assert printed(capsys, "charges", "due", "--all") == "no charge is open\n"


# -------------------------------------------------------------------------------------------- switch


def test_charging_is_paused_and_resumed_with_who_and_why(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    me = boto3.client("sts").get_caller_identity()["Arn"]
    mandate_id = active_mandate(LIMITED)
    assert f"paused by {me}" in printed(capsys, "charges", "pause", "--why", "wrong descriptor")
    paused = read_pause()
    assert paused
    assert (paused.by, paused.why) == (me, "wrong descriptor")
    assert world.charge(mandate_id).body["reasons"] == ["charging_paused"]
    assert "wrong descriptor" in printed(capsys, "charges", "due")
    again = printed(capsys, "charges", "pause", "--why", "another reason", code=1)
    assert "wrong descriptor" in again
    assert f"resumed by {me}" in printed(capsys, "charges", "resume", "--why", "mended")
    assert read_pause() is None
    assert world.check_charge(mandate_id).body["permitted"]
    assert "was not paused" in printed(capsys, "charges", "resume", "--why", "mended", code=1)


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize("why", [[], ["--why", ""], ["--why", " "], ["--why", "x" * 201]])
def test_the_switch_is_not_turned_without_a_reason(command: str, why: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["charges", command, *why])
    assert refused.value.code == 2
    assert read_pause() is None


# ------------------------------------------------------------------------------------------- explain


def explained(capsys: pytest.CaptureFixture[str], charge: Charge) -> str:
    return printed(capsys, "explain", charge.charge_id)


def test_a_charge_that_goes_on_meanwhile_was_not_altered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = with_intent(a_charge())

    def after_another_entry(charge_id: str) -> list[ChargeEntry]:
        monkeypatch.setattr(explain_charge, "read_charge_ledger", read_charge_ledger)
        begun(charge, 1)
        return read_charge_ledger(charge_id)

    monkeypatch.setattr(explain_charge, "read_charge_ledger", after_another_entry)
    story = explained(capsys, charge)
    assert "ALTERED" not in story
    assert "3 entries" in story


def test_a_charge_is_explained_from_its_chain(capsys: pytest.CaptureFixture[str]) -> None:
    charge = begun(with_intent(a_charge()), 1)
    told(charge, ChargeKind.ATTEMPT_FAILED, int(time.time()), **SOFT)
    story = explained(capsys, charge)
    for part in (
        f"{charge.charge_id} is retrying",
        "1000 usd (minor units)",
        charge.mandate_id,
        "order-key-1",
        "the-back-end",
        "soft: it may succeed later, so it is tried again",
        "decline_code do_not_honor",
        "next    its next step is due at 20",
        "4 entries",
        "reserved (it was permitted, and its room is reserved)",
        "attempt_begun 1 (Stripe may be told to take the money)",
        "attempt_failed 1 (Stripe refused)",
    ):
        assert part in story
    assert "ALTERED" not in story


WHY = {
    "begun": "attempt 1 has begun, and its outcome is not known yet",
    "processing": "Stripe has not decided attempt 1",
    "soft decline": "attempt 1 failed (soft: ",
    "needs the customer": "only the customer can help",
    "succeeded": "attempt 1 took the money at 20",
    "ending": "it ends as overdue: charge_by has passed; Stripe has not cancelled its PaymentIntent yet",
    "failed": "it ends as declined: Stripe says that it can't succeed, or declined its last retry",
    "withdrawn": "it ends as withdrawn: the mandate was withdrawn",
    "cancelled at Stripe": "it ends as canceled: somebody cancelled it",
}


@pytest.mark.parametrize("name", STATUSES)
def test_every_status_has_its_reason(capsys: pytest.CaptureFixture[str], name: str) -> None:
    charge = a_charge()
    assert "why     no attempt has begun yet" in explained(capsys, charge)
    for kind, said in STATUSES[name][0]:
        charge = told(charge, kind, int(time.time()), **said)
    story = explained(capsys, charge)
    assert f"is {STATUSES[name][1]}" in story
    assert WHY[name] in story
    assert ("  next " in story) is not charge.is_final


def test_an_altered_chain_shows(capsys: pytest.CaptureFixture[str]) -> None:
    charge = begun(with_intent(a_charge()), 1)
    row = ChargeEntryRow.get(charge.mandate_id, ChargeEntryRow.key(charge.charge_id, 2))
    row.update([ChargeEntryRow.source.set("api:somebody_else")])
    assert "IT WAS ALTERED: entry 2 " in explained(capsys, charge)


def test_a_pause_is_named_where_it_holds_a_charge_up(capsys: pytest.CaptureFixture[str]) -> None:
    charge = a_charge()
    printed(capsys, "charges", "pause", "--why", "wrong descriptor")
    assert "charging has been paused since" in explained(capsys, charge)
    told(charge, ChargeKind.ENDING, reason=EndReason.CANCELED)
    assert "charging has been paused since" not in explained(capsys, charge)


@pytest.mark.parametrize("unknown", ["chg_", f"chg_{'a' * 24}_{'b' * 16}", "chg_../x"])
def test_what_is_no_charge_is_said(capsys: pytest.CaptureFixture[str], unknown: str) -> None:
    assert f"there is no charge {unknown}" in printed(capsys, "explain", unknown, code=1)


def test_what_the_business_wrote_can_not_act_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    charge: Any = a_charge()
    hostile = f"{charge.reference}\x1b[2J"
    monkeypatch.setattr(
        "ops.explain_charge.read_charge", lambda charge_id: _with_reference(charge_id, hostile)
    )
    assert "\x1b" not in explained(capsys, charge)


def _with_reference(charge_id: str, reference: str) -> Any:
    charge = read_charge(charge_id)
    assert charge
    return replace(charge, personal={"reference": PersonalValue(reference, "00")})


# ------------------------------------------------------------------------------------ list, show, cancel


def test_charges_are_listed_by_day_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = active_mandate(LIMITED)
    pending, over = a_charge("one", mandate_id), a_charge("two", mandate_id)
    told(over, ChargeKind.ENDING, reason=EndReason.CANCELED)
    day = pending.created_at[:10]
    lines = printed(capsys, "charges", "list", "--from", day).splitlines()
    assert {line.split()[1] for line in lines} == {pending.charge_id, over.charge_id}
    (line,) = printed(capsys, "charges", "list", "--from", day, "--status", "canceled").splitlines()
    for part in (over.charge_id, over.created_at, "1000 usd (minor units)", "order-two"):
        assert part in line
    before = "2026-01-01"
    assert "no such charge" in printed(capsys, "charges", "list", "--from", before, "--to", before)
    assert "… and more" in printed(capsys, "charges", "list", "--from", day, "--limit", "1")


def test_all_about_a_charge_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    charge = begun(with_intent(a_charge()), 1)
    now = int(time.time())
    about: dict[str, Any] = {
        "about": refund_id(charge.charge_id, "key-1"),
        "amount": "400",
        "currency": "usd",
    }
    record(
        charge.charge_id,
        lambda _charge, _now: (
            charge_fact(ChargeKind.ATTEMPT_SUCCEEDED, now, "evt_1", attempt=1, charge="py_1"),
            charge_fact(ChargeKind.REFUND_REQUESTED, now, "api:create_refund", actor="the-shop", **about),
            charge_fact(ChargeKind.DISPUTE_OPENED, now, "evt_2", about="du_1", dispute="du_1", **DISPUTE),
        ),
        source="evt_1",
        clock=time.time,
    )
    keep_movements([Movement(charge.charge_id, "txn_1", "payment", "py_1", 1_000, 59, 941, "usd", now, now)])
    keep_difference(Difference(charge.charge_id, DifferenceKind.AMOUNT, "Stripe took 999 usd"), Instant(now))
    shown = printed(capsys, "charges", "show", charge.charge_id)
    for part in (
        f"{charge.charge_id} is succeeded",
        "400 usd pending",
        "by the-shop",
        "du_1 about 1000 usd needs_response (fraudulent)",
        "payment  1000 usd, fee 59, net 941, in no automatic payout (txn_1, py_1)",
        "total   1000 usd, fee 59, net 941",
        "differs amount since",
    ):
        assert part in shown
    missing = charge_id(charge.mandate_id, "another")
    assert "there is no charge" in printed(capsys, "charges", "show", missing, code=1)


def test_a_charge_is_cancelled_with_who_and_why(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "gateway", Till(world, "", "").gateway)
    charge = a_charge()
    me = boto3.client("sts").get_caller_identity()["Arn"]
    assert me in printed(capsys, "charges", "cancel", charge.charge_id, "--why", "wrong price")
    canceled = read_charge(charge.charge_id)
    assert canceled
    assert canceled.status == "canceled"
    ending = canceled.facts[ChargeKind.ENDING]
    assert (ending.detail["actor"], ending.detail["why"]) == (me, "wrong price")
    assert "wrong price" in printed(capsys, "charges", "show", charge.charge_id)
    succeeded = told(begun(with_intent(a_charge("two")), 1), ChargeKind.ATTEMPT_SUCCEEDED, attempt=1)
    assert "succeeded" in printed(capsys, "charges", "cancel", succeeded.charge_id, "--why", "x", code=1)


def test_every_turn_of_the_switch_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "charges", "pause", "--why", "wrong price")
    printed(capsys, "charges", "resume", "--why", "mended")
    resumed, paused = printed(capsys, "charges", "due").splitlines()[:2]
    assert "resumed by" in resumed
    assert resumed.endswith("mended")
    assert "paused by" in paused
    assert paused.endswith("wrong price")


# ---------------------------------------------------------------------------------------------- export


def test_charges_and_movements_are_exported_with_totals(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mandate_id = active_mandate(LIMITED)
    charge, other = a_charge("one", mandate_id), a_charge("two", mandate_id)
    at = int(datetime.fromisoformat(charge.created_at).timestamp())
    booked = Movement(charge.charge_id, "txn_1", "payment", "py_1", 1_000, 59, 941, "usd", at, at)
    months_later = replace(booked, transaction_id="txn_4", amount=-77, fee=0, net=-77, created=at + 80 * DAY)
    keep_movements(
        [
            booked,
            replace(booked, transaction_id="txn_2", amount=-400, fee=0, net=-400, payout="po_1"),
            replace(booked, transaction_id="txn_3", charge_id=other.charge_id, amount=900, net=841),
            months_later,
        ]
    )
    day = charge.created_at[:10]
    text = printed(capsys, "charges", "export", "--from", day, "--to", day)
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["row"] for row in rows].count("charge") == 2
    totals = [row for row in rows if row["row"] == "total"]
    named = [(row["time"], row["currency"], row["payout"]) for row in totals]
    assert named == [(day, "usd", ""), (day, "usd", "po_1")]
    amounts = [(row["amount_minor"], row["fee_minor"], row["net_minor"]) for row in totals]
    assert amounts == [("1900", "118", "1782"), ("-400", "0", "-400")]
    file = tmp_path / "charges.csv"
    to_file = ("charges", "export", "--from", day, "--to", day, "--file", str(file))
    assert "8 rows" in printed(capsys, *to_file)
    assert list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) == rows
    assert "can't make" in printed(capsys, *to_file, code=1)


def test_what_was_moved_later_is_in_the_export_of_its_own_day(capsys: pytest.CaptureFixture[str]) -> None:
    charge = a_charge("one")
    at = int(datetime.fromisoformat(charge.created_at).timestamp()) + 80 * DAY
    keep_movements(
        [Movement(charge.charge_id, "txn_4", "payment_refund", "pyr_1", -77, 0, -77, "usd", at, at)]
    )
    later = rfc3339(at)[:10]
    text = printed(capsys, "charges", "export", "--from", later, "--to", later)
    movement, total = csv.DictReader(text.splitlines())
    assert (movement["reference"], movement["amount_minor"]) == (charge.reference, "-77")
    assert (total["row"], total["amount_minor"]) == ("total", "-77")


# ----------------------------------------------------------------------------------------------- audit


def test_what_differs_is_printed_until_it_is_dismissed(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "gateway", Till(world, "", "").gateway)
    monkeypatch.setattr(Stack, "parameters", {"StripeLivemode": "false"})
    monkeypatch.setattr(Stack, "outputs", {"OwnerMark": OWNER_MARK})
    till = till_of(world)
    paid = till.advance(till.reserve())
    world.stripe.core.change(str(paid.payment_intent_id), amount_received=999)
    differs = printed(capsys, "charges", "audit", "--since", "1h", code=1)
    assert f"{paid.charge_id}  amount" in differs
    assert "Stripe took 999 usd, and here it is 1000 usd" in differs
    assert "nothing of" in printed(capsys, "charges", "dismiss", a_charge().charge_id, "--why", "x", code=1)
    printed(capsys, "charges", "dismiss", paid.charge_id, "--why", "paid by bank")
    assert "0 standing" in printed(capsys, "charges", "audit", "--since", "1h")  # it is not named again
    assert "paid by bank" in printed(capsys, "charges", "show", paid.charge_id)
