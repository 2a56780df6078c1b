"""A withdrawal that Stripe does not carry out is not taken for done: it is tried again, and stays listed."""

import io
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from mandates.core.clock import Instant
from mandates.core.errors import StripeUnavailable
from mandates.core.facts import Fact, Kind, ids
from mandates.core.work_messages import RELEASE
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import ResourceMissing
from mandates.gateway.payment_methods import StripePaymentMethods
from mandates.ledger.contributing import contribute_ours
from mandates.revocation.releasing import release
from mandates.store.conflicts import Conflict
from mandates.store.unreleased import (
    Unreleased,
    add_unreleased,
    all_unreleased,
    dismiss_unreleased,
    read_unreleased,
    remove_unreleased,
)
from ops.stack import Stack
from tests.component.operating import main
from tests.component.test_privacy import everything_stored
from tests.component.test_revoking import DOWN, active, attached_to
from tests.component.world import CUSTOMER, TABLES, World, metrics, service

Printed = pytest.CaptureFixture[str]

ANOTHER_ACCOUNTS_KEY = {"effect": "resource_missing"}
DAY = 86_400


@pytest.fixture(autouse=True)
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {logical_id: name for name, logical_id in TABLES.items()}
    monkeypatch.setattr(Stack, "outputs", outputs | {"StripeWorkQueueUrl": world.work_queue_url})


def withdrawn(world: World) -> tuple[str, str]:
    """The mandate and its payment method, which Stripe has attached still."""
    mandate_id, payment_method_id = active(world)
    assert world.revoke(mandate_id).status == 200
    world.function("release_withdrawals")
    return mandate_id, payment_method_id


def withdrawn_while_pending(world: World) -> tuple[str, str]:
    begun = world.begun()
    assert world.revoke(begun["mandate_id"]).status == 200
    world.function("release_withdrawals")
    return begun["mandate_id"], begun["checkout_session_id"]


def is_released(world: World, stripe_id: str) -> bool:
    if stripe_id.startswith("pm_"):
        return attached_to(world, stripe_id) is None
    return world.stripe_client().v1.checkout.sessions.retrieve(stripe_id).status == "expired"


def listed() -> list[tuple[str, str, str]]:
    return [(one.mandate_id, one.stripe_id, one.code) for one in all_unreleased()]


@pytest.mark.parametrize("prepared", [withdrawn, withdrawn_while_pending])
def test_what_stripe_does_not_know_is_not_done(
    world: World, prepared: Callable[[World], tuple[str, str]]
) -> None:
    mandate_id, stripe_id = prepared(world)
    world.faults(ANOTHER_ACCOUNTS_KEY)
    for _ in range(2):
        sent = metrics(lambda: world.release(mandate_id) == ["message-0"] or pytest.fail("taken for done"))
        assert sent.keys() == {"WithdrawalsNotReleased", "UnknownAtStripe", "UnreleasedFor"}
        assert listed() == [(mandate_id, stripe_id, "unknown_at_stripe")]
    put_off = [call for call in world.calls if call.operation == "ChangeMessageVisibility"]
    assert len(put_off) == 2
    world.faults()
    assert not is_released(world, stripe_id)
    assert metrics(lambda: world.release(mandate_id)) == {"WithdrawalsReleased": [1.0]}
    assert is_released(world, stripe_id)
    assert listed() == []
    assert read_unreleased(mandate_id, [stripe_id]) == {}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (DOWN, "stripe_unavailable"),
        ({"effect": "forbidden"}, "stripe_refused"),
        ({"effect": "rejected", "method": "POST"}, "stripe_refused"),
    ],
)
def test_whatever_keeps_it_from_being_released_it_is_listed(
    world: World, fault: dict[str, Any], code: str
) -> None:
    """A message ends after 14 days, whatever was in its way."""
    mandate_id, payment_method_id = withdrawn(world)
    world.faults(fault)
    assert world.release(mandate_id) == ["message-0"]
    assert listed() == [(mandate_id, payment_method_id, code)]


@pytest.mark.parametrize(
    ("raised", "is_told_in_full"),
    [(KeyError("a head of a later version"), True), (StripeUnavailable("no"), False)],
)
def test_what_nobody_expected_is_logged_with_its_trace(
    world: World, monkeypatch: pytest.MonkeyPatch, raised: Exception, is_told_in_full: bool
) -> None:
    mandate_id, _ = withdrawn(world)

    def fails(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(StripePaymentMethods, "detach", fails)
    from mandates.runtime.telemetry import logger  # its settings come with the world

    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    assert world.release(mandate_id) == ["message-0"]
    lines = map(json.loads, log.getvalue().splitlines())
    (line,) = (one for one in lines if "not released" in one["message"])
    assert (line["mandate_id"], line["error"]) == (mandate_id, type(raised).__name__)
    assert ("in fails" in line.get("exception", "")) is is_told_in_full
    assert [code for *_, code in listed()] == ["KeyError" if is_told_in_full else "stripe_unavailable"]


def test_the_reason_is_the_last_and_the_time_the_first(world: World) -> None:
    mandate_id, payment_method_id = withdrawn(world)
    add_unreleased(mandate_id, payment_method_id, "stripe_unavailable", 7)
    world.faults(ANOTHER_ACCOUNTS_KEY)
    assert world.release(mandate_id) == ["message-0"]
    assert list(all_unreleased()) == [Unreleased(mandate_id, payment_method_id, 7, "unknown_at_stripe")]


def test_it_is_measured_as_long_as_it_is_listed_with_or_without_a_message(world: World) -> None:
    assert "UnreleasedFor" not in world.reconcile()
    since = int(time.time()) - 30 * DAY
    add_unreleased("mdt_" + "b" * 24, "pm_2", "unknown_at_stripe", since + DAY)
    add_unreleased("mdt_" + "a" * 24, "pm_1", "unknown_at_stripe", since)
    (age,) = world.reconcile()["UnreleasedFor"]
    assert 30 * DAY <= age < 30 * DAY + 60


def test_one_that_stripe_does_not_know_keeps_no_other_from_being_released(world: World) -> None:
    mandate_id, _ = withdrawn(world)
    contribute_ours(
        mandate_id,
        "test",
        lambda now: Fact(Kind.SETUP_SUCCEEDED, now, "test", ids(payment_method="pm_0_unknown")),
        time.time,
    )
    detached: list[str] = []

    def detach(payment_method_id: str) -> None:
        detached.append(payment_method_id)
        if payment_method_id == "pm_0_unknown":
            raise ResourceMissing("no such payment method")

    gateway: Any = SimpleNamespace(payment_methods=SimpleNamespace(detach=detach))
    with pytest.raises(ResourceMissing):
        release(mandate_id, gateway, time.time)
    assert len(detached) == 2
    assert [stripe_id for _, stripe_id, _ in listed()] == ["pm_0_unknown"]


def test_one_that_somebody_detached_by_hand_leaves_the_list(world: World) -> None:
    mandate_id, payment_method_id = withdrawn(world)
    world.faults(ANOTHER_ACCOUNTS_KEY)
    world.release(mandate_id)
    world.faults()
    world.stripe.core.detach(payment_method_id)
    world.run_webhooks()
    world.faults(ANOTHER_ACCOUNTS_KEY)  # nobody is asked any more
    assert world.release(mandate_id) == []
    assert listed() == []


def test_a_session_that_only_we_take_for_cancelled_is_ended_at_stripe(world: World) -> None:
    """Two calls repeat a creation under one key: Stripe refuses the one, and does it for the other."""
    begun = world.begun()
    contribute_ours(
        begun["mandate_id"], "test", lambda now: Fact(Kind.SESSION_CANCELLED, now, "test"), time.time
    )
    assert world.revoke(begun["mandate_id"]).status == 200
    assert world.release(begun["mandate_id"]) == []
    assert is_released(world, begun["checkout_session_id"])


# --------------------------------------------------------------------------------------- dismissing


def dismissed(world: World) -> tuple[str, str]:
    mandate_id, payment_method_id = withdrawn(world)
    world.faults(ANOTHER_ACCOUNTS_KEY)
    world.release(mandate_id)
    assert main(["withdrawals", "dismiss", mandate_id, "--reason", "its account is closed"]) == 0
    return mandate_id, payment_method_id


def test_what_was_dismissed_is_not_tried_again_and_who_and_why_is_kept(world: World, capsys: Printed) -> None:
    mandate_id, payment_method_id = dismissed(world)
    assert listed() == []
    world.faults()
    asked = len(world.stripe.core.requests())
    assert world.release(mandate_id) == []
    assert len(world.stripe.core.requests()) == asked
    kept = read_unreleased(mandate_id, [payment_method_id])[payment_method_id]
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    assert (kept.dismissed_by, kept.reason, kept.code) == (arn, "its account is closed", "unknown_at_stripe")
    assert kept.dismissed_at
    assert kept.dismissed_at.startswith(time.strftime("%Y-%m-%dT", time.gmtime()))
    capsys.readouterr()
    assert main(["explain", mandate_id]) == 0
    told = capsys.readouterr().out
    assert f"by {arn}: its account is closed" in told
    assert "ReleaseWithdrawals" not in told


def test_a_dismissal_counts_as_nothing_released(world: World) -> None:
    mandate_id, _ = dismissed(world)
    assert metrics(lambda: world.release(mandate_id)) == {}


def test_a_payment_method_of_later_is_released_all_the_same(world: World) -> None:
    """Only what was listed was dismissed."""
    mandate_id, session_id = withdrawn_while_pending(world)
    world.faults(ANOTHER_ACCOUNTS_KEY)
    world.release(mandate_id)
    assert main(["withdrawals", "dismiss", mandate_id, "--reason", "it will run out"]) == 0
    world.faults()
    world.stripe.core.authorize(session_id)
    world.run_webhooks()
    payment_method_id = world.get_mandate(mandate_id).body["payment_method_id"]
    assert world.release(mandate_id) == []
    assert is_released(world, payment_method_id)


ONE = Unreleased("mdt_" + "a" * 24, "pm_1", 7, "unknown_at_stripe")


def test_a_dismissal_stays_whatever_a_worker_does_meanwhile(world: World) -> None:
    add_unreleased(ONE.mandate_id, ONE.stripe_id, ONE.code, ONE.since)
    dismiss_unreleased(ONE, by="ann", reason="gone", now=Instant(8))
    add_unreleased(ONE.mandate_id, ONE.stripe_id, "stripe_unavailable", 9)
    remove_unreleased(ONE)
    kept = read_unreleased(ONE.mandate_id, [ONE.stripe_id])[ONE.stripe_id]
    assert (kept.is_dismissed, kept.code) == (True, ONE.code)
    assert listed() == []


def test_what_was_released_meanwhile_is_not_dismissed(world: World) -> None:
    add_unreleased(ONE.mandate_id, ONE.stripe_id, ONE.code, ONE.since)
    remove_unreleased(ONE)
    with pytest.raises(Conflict):
        dismiss_unreleased(ONE, by="ann", reason="gone", now=Instant(8))
    assert read_unreleased(ONE.mandate_id, [ONE.stripe_id]) == {}


# ----------------------------------------------------------------------------------------- operator


def test_an_operator_lists_and_tries_again(world: World, capsys: Printed) -> None:
    assert main(["withdrawals", "list"]) == 0
    assert "no withdrawal waits to be released" in capsys.readouterr().out
    mandate_id, payment_method_id = withdrawn(world)
    world.faults(ANOTHER_ACCOUNTS_KEY)
    world.release(mandate_id)
    add_unreleased(ONE.mandate_id, ONE.stripe_id, ONE.code, ONE.since)
    add_unreleased(ONE.mandate_id, "pm_2", ONE.code, ONE.since)
    world.calls.clear()
    capsys.readouterr()
    assert main(["withdrawals", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in lines] == [
        [ONE.mandate_id, "pm_1", "unknown_at_stripe"],
        [ONE.mandate_id, "pm_2", "unknown_at_stripe"],
        [mandate_id, payment_method_id, "unknown_at_stripe"],
    ]
    assert {(call.operation, call.parameters.get("IndexName")) for call in world.calls} == {
        ("Query", "unsettled")
    }
    assert main(["withdrawals", "list", "--limit", "1"]) == 0
    assert "--limit 10 shows more" in capsys.readouterr().out

    assert main(["explain", mandate_id]) == 0
    assert f"{payment_method_id} has not been released since" in capsys.readouterr().out

    assert main(["withdrawals", "retry"]) == 2
    assert main(["withdrawals", "retry", "--all"]) == 0
    assert "2 of 2 queued" in capsys.readouterr().out
    assert main(["withdrawals", "retry", mandate_id, mandate_id]) == 0
    assert sorted(world.waiting(world.work_queue_url)) == sorted(
        [
            RELEASE.text({"mandate_id": ONE.mandate_id}),
            RELEASE.text({"mandate_id": mandate_id}),
            RELEASE.text({"mandate_id": mandate_id}),
        ]
    )
    world.faults()
    assert world.release(mandate_id) == []
    assert [one for one in listed() if one[0] == mandate_id] == []


def test_what_is_not_listed_is_not_dismissed(world: World, capsys: Printed) -> None:
    mandate_id, _ = withdrawn(world)
    assert main(["withdrawals", "dismiss", mandate_id, "--reason", "x"]) == 1
    assert f"nothing of {mandate_id} is listed" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["withdrawals", "dismiss", mandate_id])
    assert "--reason" in capsys.readouterr().err


def test_a_queue_out_of_reach_is_said(world: World, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    add_unreleased(ONE.mandate_id, ONE.stripe_id, ONE.code, ONE.since)
    monkeypatch.setattr(Stack, "outputs", {**Stack("x").outputs, "StripeWorkQueueUrl": "https://gone"})
    assert main(["withdrawals", "retry", "--all"]) == 1
    assert "not everything was queued; run it again" in capsys.readouterr().err


# --------------------------------------------------------------------------- no part of the record


def test_evidence_and_erasure_take_no_notice(world: World, capsys: Printed) -> None:
    mandate_id, _ = withdrawn(world)

    def evidence() -> Any:
        made = world.call(
            "export_evidence",
            "/mandates/{mandate_id}/evidence",
            path={"mandate_id": mandate_id},
            caller=service("mandates:read"),
        )
        assert made.status == 200
        parts = made.body["evidence"].items()
        return {name: value for name, value in parts if name not in {"generated_at", "digests"}}

    before = evidence()
    world.faults(ANOTHER_ACCOUNTS_KEY)
    world.release(mandate_id)
    assert len(listed()) == 1
    assert evidence() == before
    assert main(["mandate", "verify", mandate_id]) == 0
    assert main(["customer", "erase", CUSTOMER, "--override-retention", "court_order"]) == 0
    assert CUSTOMER not in everything_stored()
    assert len(listed()) == 1
    world.faults()
    assert world.release(mandate_id) == []
    assert listed() == []


def test_gateway_tells_unknown_from_done(world: World) -> None:
    gateway = Gateway("sk_test_placeholder", api_base=world.stripe.url, sleep=lambda _: None)
    payment_methods = gateway.payment_methods
    _, payment_method_id = active(world)
    with pytest.raises(ResourceMissing):
        payment_methods.detach("pm_unknown")
    payment_methods.detach(payment_method_id)
    payment_methods.detach(payment_method_id)
    assert attached_to(world, payment_method_id) is None
