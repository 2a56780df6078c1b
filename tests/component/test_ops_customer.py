"""`python -m ops customer …`, as an operator types it."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from mandates.core.retention import EVIDENCE_DAYS
from mandates.privacy.holdings import holdings
from mandates.store.mandates import read_ledger
from ops import __main__ as ops
from tests.component.test_privacy import DAY, NOT_CHARGED_SINCE, active, everything_stored
from tests.component.world import CUSTOMER, World


@pytest.fixture(autouse=True)
def the_stack_is_this_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables are bound already; what is looked up in CloudFormation is tests/e2e's."""
    monkeypatch.setattr(ops, "stack_for", lambda *_: SimpleNamespace(use_tables=lambda: None))


@pytest.fixture
def evidence_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() + NOT_CHARGED_SINCE
    monkeypatch.setattr("ops.customer.time", SimpleNamespace(time=lambda: now))


def customer(*arguments: str) -> int:
    return ops.main(["customer", *arguments])


def test_export_prints_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = active(world)
    capsys.readouterr()
    assert customer("export", CUSTOMER) == 0
    told: Any = json.loads(capsys.readouterr().out)
    assert told["customer_id"] == CUSTOMER
    assert [mandate["mandate_id"] for mandate in told["mandates"]] == [mandate_id]


def test_export_of_nobody_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert customer("export", "nobody") == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "nothing is held about nobody\n")


def test_erase_is_refused_with_the_date(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    active(world)
    before = everything_stored()
    capsys.readouterr()
    assert customer("erase", CUSTOMER) == 1
    printed = capsys.readouterr()
    assert time.strftime("%Y-%m-%d", time.gmtime(time.time() + EVIDENCE_DAYS * DAY)) in printed.err
    assert "--override-retention REASON" in printed.err
    assert printed.out == ""
    assert everything_stored() == before


@pytest.mark.usefixtures("evidence_may_go")
def test_erase_prints_each_step_and_what_remains(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = active(world)
    stripe_customer_id = holdings(CUSTOMER).stripe_customer_ids[0]
    capsys.readouterr()
    assert customer("erase", CUSTOMER) == 0
    printed = capsys.readouterr()
    steps, remains = printed.out.split("\nWhat remains:\n")
    assert printed.err == ""
    assert steps.splitlines() == [
        f"{mandate_id}: revoked",
        f"{stripe_customer_id}: deleted the link to the customer",
        "deleted the customer",
        f"{mandate_id}: deleted the personal values of 1 ledger entries, and their salts",
        f"{mandate_id}: replaced the customer id with a random pseudonym",
        "deleted the checkout",
        f"{mandate_id}: the ledger's {len(read_ledger(mandate_id))} entries verify",
    ]
    assert f"stripe customers delete {stripe_customer_id}" in remains
    assert "Backups" in remains


@pytest.mark.usefixtures("evidence_may_go")
def test_erasing_again_has_nothing_to_do(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    active(world)
    assert customer("erase", CUSTOMER) == 0
    before = everything_stored()
    capsys.readouterr()
    assert customer("erase", CUSTOMER) == 0
    assert capsys.readouterr().out == f"nothing is held about {CUSTOMER}\n"
    assert everything_stored() == before


def test_an_override_is_a_word(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = active(world)
    for reason in ("ann@shop.example", "Ann asked for it", "", "a" * 65):
        with pytest.raises(SystemExit):
            customer("erase", CUSTOMER, "--override-retention", reason)
        assert "nothing personal" in capsys.readouterr().err
    assert customer("erase", "--override-retention", "court_order", CUSTOMER) == 0
    assert read_ledger(mandate_id)[-1].facts[0]["detail"]["override"] == "court_order"


@pytest.mark.usefixtures("evidence_may_go")
def test_what_went_wrong_is_an_exit_status(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    active(world)
    altered = "entry 3 is the first that was altered"
    monkeypatch.setattr("mandates.privacy.erasure.faults", lambda _: [altered])
    assert customer("erase", CUSTOMER) == 1
    assert "entry 3 is the first that was altered" in capsys.readouterr().err
