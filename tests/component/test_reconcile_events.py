"""What webhooks did not bring is found at Stripe, once, whatever goes wrong on the way."""

import io
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from mandates.core.clock import Instant
from mandates.core.errors import StripeUnavailable
from mandates.core.stripe_events.projection import HANDLED_TYPES, METADATA_OWNER_MARK
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.gateway.events import EVENTS_LISTED_SECONDS
from mandates.setup import sweep
from mandates.setup.sweep import MOST_FAILURES_IN_A_ROW
from mandates.store.event_cursors import advance_cursor, read_positions
from mandates.store.tables import HeadRow
from mandates.webhooks import reconciling
from mandates.webhooks.receiving import message_of
from mandates.webhooks.reconciling import groups_of
from tests.component.passing_time import PassingTime
from tests.component.world import CUSTOMER, World, service

GROUP = groups_of(HANDLED_TYPES)[0].cursor
DAY = 86_400


def status(world: World, mandate_id: str) -> str:
    return str(world.get_mandate(mandate_id, service("mandates:read")).body["status"])


def authorised(world: World, customer_id: str = CUSTOMER) -> Any:
    """A customer who has authorised, and whose webhooks all got lost."""
    begun = world.begun(customer_id)
    world.stripe.core.authorize(begun["checkout_session_id"])
    return begun


def handled(world: World) -> list[dict[str, Any]]:
    return world.events(*HANDLED_TYPES)


def listings(world: World) -> list[Any]:
    return [request for request in world.stripe.core.requests() if request.path == "/v1/events"]


def later(world: World, seconds: float) -> None:
    """Time passes for reconcile_events."""
    world.function("reconcile_events").time = SimpleNamespace(time=lambda: time.time() + seconds)


# ------------------------------------------------------------------------------------- end to end


def test_a_lost_set_up_becomes_active_and_nothing_is_doubled(world: World) -> None:
    begun = authorised(world)
    sent = world.reconcile()
    assert sent["EventsRecovered"] == [len(handled(world))] == [2]
    assert sent["EventGap"] == [0]  # it happened just now: a webhook might still be coming
    waiting = world.queued()
    assert waiting == [json.loads(message_of(one)) for one in handled(world)]
    assert world.process(waiting) == []
    assert status(world, begun["mandate_id"]) == "active"
    again = world.reconcile()
    assert (again["EventsRecovered"], again["EventGap"]) == ([0], [0])
    assert world.queued() == []


def test_the_gap_is_what_is_older_than_ten_minutes_and_not_recorded(world: World) -> None:
    authorised(world)
    later(world, 601)
    assert world.reconcile()["EventGap"] == [2]
    assert world.process(world.queued()) == []
    assert world.reconcile()["EventGap"] == [0]


def test_nothing_secret_is_queued(world: World) -> None:
    authorised(world)
    world.reconcile()
    assert all("client_secret" not in str(message) for message in world.queued())


def test_a_run_without_news_asks_stripe_twice_for_each_group(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = PassingTime(monkeypatch)
    world.reconcile()
    at.pass_seconds(5)
    before = len(listings(world))
    world.calls.clear()
    world.reconcile()
    asked = listings(world)[before:]
    assert len(asked) == 4
    assert [call.operation for call in world.calls if call.function == "reconcile_events"] == [
        "Query",  # what is unreleased at Stripe, the oldest
        "BatchGetItem",  # the cursors
        *["UpdateItem"] * 4,  # advanced
        "Query",  # what is due to be swept
    ]


def test_it_is_counted_that_events_may_be_lost(world: World) -> None:
    now = int(time.time())
    advance_cursor(GROUP, now - EVENTS_LISTED_SECONDS - 3600, HANDLED_TYPES, Instant(now))
    assert world.reconcile()["EventsOutOfReach"] == [1]
    assert "EventsOutOfReach" not in world.reconcile()


def test_messages_being_worked_on_count_as_waiting(world: World) -> None:
    world.deliver(*[{"id": f"evt_{number}", "type": "customer.deleted"} for number in range(3)])
    queue = world.function("reconcile_events").queue
    assert queue.length() == 3
    assert len(world.queued()) == 3  # and are in flight
    assert queue.length() == 3


def test_stripe_down_is_put_off_and_no_gap_is_claimed(world: World) -> None:
    authorised(world)
    world.function("reconcile_events")
    world.faults({"effect": "server_error", "status": 503})
    sent = world.reconcile()
    assert "EventGap" not in sent
    assert sent["ReconciliationLagSeconds"] == [EVENTS_LISTED_SECONDS]
    world.faults()
    assert world.reconcile()["EventsRecovered"] == [2]


@pytest.mark.parametrize("api_key", ["sk_test_placeholder", "rk_test_placeholder", "sk_placeholder"])
def test_a_key_of_the_other_mode_is_noticed_before_the_cursor_moves(world: World, api_key: str) -> None:
    begun = authorised(world)
    world.secrets.put_secret_value(SecretId=world.api_key_arn, SecretString=api_key)
    world.environment["STRIPE_LIVEMODE"] = "true"
    with pytest.raises(reconciling.WrongMode, match="StripeLivemode"):
        world.reconcile()
    position = read_positions([GROUP]).get(GROUP)
    created = handled(world)[0]["created"]
    assert position is None or (api_key == "sk_placeholder" and position <= created)
    assert status(world, begun["mandate_id"]) == "pending"


# ----------------------------------------------------------------------------------------- the sweep


def head(mandate_id: str) -> Any:
    return HeadRow.get(mandate_id, HeadRow.RECORD)


def swept(world: World, mandate_id: str) -> str:
    """The status after a run that no event helps."""
    world.sweep_is_due(mandate_id)
    assert world.reconcile()["MandatesSwept"] == [1]
    world.queued()
    assert head(mandate_id).pending is None
    assert head(mandate_id).sweep_at is None
    return status(world, mandate_id)


def test_a_set_up_nobody_told_us_of(world: World) -> None:
    begun = authorised(world)
    assert swept(world, begun["mandate_id"]) == "active"
    ledger = world.get_mandate(begun["mandate_id"]).body["ledger"]
    assert ledger[-1]["source"] == sweep.SOURCE


def test_an_expiry_nobody_told_us_of(world: World) -> None:
    begun = world.begun()
    world.stripe.core.expire(begun["checkout_session_id"])
    assert swept(world, begun["mandate_id"]) == "expired"


def test_a_creation_that_crashed_is_cancelled(world: World) -> None:
    world.put_customer()
    world.faults({"effect": "timeout_after_effect", "path": "/v1/checkout/sessions"})
    assert world.post_checkout().status == 503
    world.faults()
    (mandate,) = world.call(
        "read_mandates",
        "/customers/{customer_id}/mandates",
        path={"customer_id": CUSTOMER},
        caller=service("mandates:read"),
    ).body["mandates"]
    assert mandate["checkout_session_id"] is None
    assert swept(world, mandate["mandate_id"]) == "expired"


def test_a_customer_deleted_while_pending(world: World) -> None:
    """Withdrawn through the customer, it is pending by its own facts: its session's end is asked for, too."""
    begun = world.begun()
    world.stripe.core.delete_customer(begun_customer(world, begun))
    world.run_webhooks()
    assert status(world, begun["mandate_id"]) == "revoked"
    assert head(begun["mandate_id"]).pending
    if not world.events("checkout.session.expired"):
        world.stripe.core.expire(begun["checkout_session_id"])
    assert swept(world, begun["mandate_id"]) == "revoked"


def begun_customer(world: World, begun: Any) -> str:
    return str(head(begun["mandate_id"]).stripe_customer_id)


def revoke(world: World, begun: Any) -> None:
    assert world.revoke(begun["mandate_id"]).status == 200


def complete(world: World, begun: Any) -> None:
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()


def expire(world: World, begun: Any) -> None:
    world.stripe.core.expire(begun["checkout_session_id"])
    world.run_webhooks()


def replaced(world: World, begun: Any) -> None:
    assert world.post_checkout(locale="de").status == 201


@pytest.mark.parametrize("ended", [revoke, complete, expire, replaced])
def test_what_is_decided_leaves_the_index_in_the_same_write(
    world: World, ended: Callable[[World, Any], None]
) -> None:
    begun = world.begun()
    session_ends = datetime.fromisoformat(begun["expires_at"]).timestamp()
    assert head(begun["mandate_id"]).sweep_at == session_ends + 1800
    ended(world, begun)
    assert head(begun["mandate_id"]).pending is None
    assert head(begun["mandate_id"]).sweep_at is None


def test_a_failed_attempt_leaves_it_in_the_index(world: World) -> None:
    begun = world.begun()
    world.stripe.core.decline(begun["checkout_session_id"])
    world.run_webhooks()
    assert head(begun["mandate_id"]).pending


def test_one_whose_session_may_still_be_completed_is_not_asked_for(world: World) -> None:
    begun = authorised(world)
    assert world.reconcile()["MandatesSwept"] == [0]
    assert status(world, begun["mandate_id"]) == "pending"


def test_a_session_that_stripe_does_not_know_is_given_up_only_after_thirty_days(world: World) -> None:
    begun = world.begun()
    world.faults({"effect": "resource_missing", "path": "/v1/checkout/sessions/"})
    world.sweep_is_due(begun["mandate_id"])
    assert world.reconcile()["MandatesSwept"] == [0]
    assert head(begun["mandate_id"]).sweep_at >= time.time() + 3590
    later(world, 31 * DAY)
    assert swept(world, begun["mandate_id"]) == "expired"


def test_a_session_that_is_not_ours_decides_nothing_and_comes_back_later_and_later(world: World) -> None:
    begun = authorised(world)
    session = world.stripe.core.find("checkout.session", begun["checkout_session_id"])
    session["metadata"] |= {METADATA_OWNER_MARK: "another-stack"}
    world.sweep_is_due(begun["mandate_id"])
    assert world.reconcile()["MandatesSwept"] == [0]
    first = head(begun["mandate_id"]).sweep_at - time.time()
    assert first == pytest.approx(3600, abs=5)
    later(world, 8 * DAY)
    world.reconcile()
    assert head(begun["mandate_id"]).sweep_at - time.time() - 8 * DAY == pytest.approx(2 * DAY, abs=60)


def test_one_failing_mandate_blocks_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, *sound = [authorised(world, f"auth0|{number}") for number in range(4)]
    read = StripeCheckoutSessions.retrieve

    def read_session(self: StripeCheckoutSessions, session_id: str) -> Any:
        if session_id == broken["checkout_session_id"]:
            raise TimeoutError("always")
        return read(self, session_id)

    monkeypatch.setattr(StripeCheckoutSessions, "retrieve", read_session)
    monkeypatch.setattr(sweep, "MOST_PER_RUN", 1)
    for since, one in enumerate((broken, *sound)):
        world.sweep_is_due(one["mandate_id"], since)
    for _ in range(4):
        try:
            world.reconcile()
        except TimeoutError:
            continue
    assert [status(world, one["mandate_id"]) for one in sound] == ["active"] * 3
    assert status(world, broken["mandate_id"]) == "pending"


def test_mandates_that_were_altered_do_not_stay_first_for_ever(world: World) -> None:
    """As many as end a run, each time."""
    altered = [world.begun(f"auth0|{number}")["mandate_id"] for number in range(MOST_FAILURES_IN_A_ROW)]
    sound = authorised(world, "auth0|sound")["mandate_id"]
    for since, mandate_id in enumerate([*altered, sound]):
        world.sweep_is_due(mandate_id, since)
    for mandate_id in altered:
        head(mandate_id).update([HeadRow.facts.set({"revoked": {"kind": "revoked"}})])
    for _ in range(2):
        with suppress(KeyError):
            world.reconcile()
    assert status(world, sound) == "active"
    assert all(head(mandate_id).sweep_at >= time.time() + 3500 for mandate_id in altered)


def test_each_failure_of_a_sweep_is_logged_and_what_nobody_expected_in_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run raises the last of them only, and not even that if it is Stripe's."""
    errors = [KeyError("a session of a later version"), StripeUnavailable("no")]
    begun = [world.begun(f"auth0|{number}")["mandate_id"] for number in range(2)]
    for since, mandate_id in enumerate(begun):
        world.sweep_is_due(mandate_id, since)
    raised = iter(errors)

    def fails(*_: Any) -> Any:
        raise next(raised)

    monkeypatch.setattr(StripeCheckoutSessions, "retrieve", fails)
    world.function("reconcile_events")
    from mandates.runtime.telemetry import logger  # its settings come with the world

    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    world.reconcile()
    lines = [line for line in map(json.loads, log.getvalue().splitlines()) if "not swept" in line["message"]]
    assert [(line["mandate_id"], line["error"]) for line in lines] == [
        (begun[0], "KeyError"),
        (begun[1], "StripeUnavailable"),
    ]
    assert ["in fails" in line.get("exception", "") for line in lines] == [True, False]


def test_stripe_down_the_sweep_ends_after_three_and_loses_none(world: World) -> None:
    begun = [world.begun(f"auth0|{number}") for number in range(6)]
    for one in begun:
        world.sweep_is_due(one["mandate_id"])
    world.function("reconcile_events")
    world.faults({"effect": "server_error", "status": 503, "path": "/v1/checkout"})
    assert world.reconcile()["MandatesSwept"] == [0]
    assert sum(head(one["mandate_id"]).sweep_at == 1 for one in begun) == 3
    assert all(head(one["mandate_id"]).pending for one in begun)


def test_the_sweep_stops_in_time(world: World) -> None:
    begun = authorised(world)
    world.sweep_is_due(begun["mandate_id"])
    assert world.reconcile(seconds=40)["MandatesSwept"] == [0]
    assert world.reconcile()["MandatesSwept"] == [1]


def test_an_index_that_lags_or_was_never_told_is_put_right(world: World) -> None:
    begun = authorised(world)
    world.run_webhooks()
    row = head(begun["mandate_id"])
    row.update([HeadRow.pending.set(HeadRow.PENDING), HeadRow.sweep_at.set(1)])
    world.reconcile()
    assert head(begun["mandate_id"]).pending is None


def test_a_mandate_decided_while_it_is_swept_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = authorised(world)
    read = StripeCheckoutSessions.retrieve

    def webhooks_come_first(self: StripeCheckoutSessions, session_id: str) -> Any:
        session = read(self, session_id)
        world.run_webhooks()
        return session

    monkeypatch.setattr(StripeCheckoutSessions, "retrieve", webhooks_come_first)
    assert swept(world, begun["mandate_id"]) == "active"
