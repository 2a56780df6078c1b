"""The worker: no event lost, none applied twice, none in another's way."""

import copy
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mandates.core.changes import Contribution
from mandates.core.clock import Instant
from mandates.core.facts import Fact, Kind
from mandates.core.ledger import first_broken
from mandates.ledger.contributing import work_out
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import StoreError
from mandates.store.mandates import commit, read_heads, read_ledger, read_subjects
from mandates.store.tables import EntryRow, EventRow
from tests.component.world import CUSTOMER, STRANGER, World, customer, service, sqs_event


def outcome(event_id: str) -> tuple[str, str | None]:
    row = EventRow.get(event_id, "event")
    return row.outcome, row.reason


def authorised(world: World, customer_id: str = CUSTOMER) -> tuple[str, list[dict[str, Any]]]:
    """A mandate whose customer has authorised, and the queued events that say so; nothing processed yet."""
    opened = world.begun(customer_id)
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.deliver(*world.events())
    return opened["mandate_id"], world.queued()


def status_of(world: World, mandate_id: str) -> str:
    return str(world.get_mandate(mandate_id, service("mandates:read")).body["status"])


def assert_chain_holds(mandate_id: str) -> None:
    head = read_heads([mandate_id])[mandate_id]
    assert first_broken(read_ledger(mandate_id), length=head.entries, head_hash=head.head_hash) is None


ABOUT_A_MANDATE = {"setup_intent.succeeded", "checkout.session.completed"}


def at_once(world: World, *events: Any) -> None:
    """Each event in a worker of its own, all at the same time; none may fail."""
    workers = [world.fresh("process_webhook") for _ in events]
    with ThreadPoolExecutor(len(events)) as pool:
        results = list(
            pool.map(lambda worker, event: worker.handler(sqs_event([event]), None), workers, events)
        )
    assert results == [{"batchItemFailures": []}] * len(events)


def test_the_same_event_ten_times_at_once_leaves_one_entry(world: World) -> None:
    mandate_id, events = authorised(world)
    event = next(event for event in events if event["type"] == "setup_intent.succeeded")
    at_once(world, *[event] * 10)
    assert [entry.source for entry in read_ledger(mandate_id)].count(event["id"]) == 1
    assert_chain_holds(mandate_id)
    assert world.process([event] * 3) == []
    assert [entry.source for entry in read_ledger(mandate_id)].count(event["id"]) == 1


def test_events_of_one_mandate_in_several_workers_all_arrive(world: World) -> None:
    mandate_id, events = authorised(world)
    ours = [event for event in events if event["type"] in ABOUT_A_MANDATE]
    many = ours + [{**ours[0], "id": f"evt_more_{number}"} for number in range(8)]
    at_once(world, *many)
    assert {entry.source for entry in read_ledger(mandate_id)} >= {event["id"] for event in many}
    assert_chain_holds(mandate_id)


def test_a_batch_of_several_mandates_is_one_transaction(world: World) -> None:
    batches = [authorised(world, f"customer-{number}") for number in range(5)]
    events = [event for _, events in batches for event in events if event["type"] in ABOUT_A_MANDATE]
    random.Random(1).shuffle(events)
    world.calls.clear()
    assert world.process(events) == []
    assert [call.operation for call in world.calls].count("TransactWriteItems") == 1
    for mandate_id, _ in batches:
        assert status_of(world, mandate_id) == "active"
        assert_chain_holds(mandate_id)


def test_redelivered_events_do_not_cancel_their_neighbours(world: World) -> None:
    _, known = authorised(world, "customer-1")
    assert world.process(known) == []
    mandate_id, new = authorised(world, "customer-2")
    about_both = [event for event in (*known, *new) if event["type"] in ABOUT_A_MANDATE]
    world.calls.clear()
    assert world.process(about_both) == []
    assert [call.operation for call in world.calls].count("TransactWriteItems") == 1
    assert status_of(world, mandate_id) == "active"


def test_a_poisoned_event_leaves_its_neighbours_alone(world: World) -> None:
    mandate_id, events = authorised(world)
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    impossible = copy.deepcopy(succeeded)
    impossible["id"] = "evt_impossible"
    impossible["data"]["object"]["metadata"]["mandate_id"] = "mdt_unknown"
    other_customer = copy.deepcopy(succeeded)
    other_customer["id"] = "evt_other_customer"
    other_customer["data"]["object"]["customer"] = "cus_somebody"
    with_card = copy.deepcopy(succeeded)
    with_card["id"] = "evt_with_card"
    with_card["data"]["object"]["payment_method_types"] = ["amazon_pay", "card"]
    shapeless = {
        **succeeded,
        "id": "evt_shapeless",
        "data": {"object": {"metadata": succeeded["data"]["object"]["metadata"]}},
    }
    batch = [impossible, other_customer, with_card, shapeless, *events, "not an event"]
    failed = world.process(batch)
    assert failed == [f"message-{len(batch) - 1}"]
    assert status_of(world, mandate_id) == "active"
    assert outcome("evt_impossible") == ("quarantined", "there is no mandate mdt_unknown")
    assert outcome("evt_other_customer") == ("quarantined", "its Stripe customer is not the mandate's")
    assert outcome("evt_with_card") == ("quarantined", "the SetupIntent is not for Amazon Pay alone")
    assert outcome("evt_shapeless")[0] == "quarantined"


def test_whats_not_ours_is_recorded_and_nothing_more(world: World) -> None:
    mandate_id, events = authorised(world)
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    foreign = copy.deepcopy(succeeded)
    foreign["id"] = "evt_foreign"
    foreign["data"]["object"]["metadata"]["managed_by"] = "another-stack"
    unknown = {"id": "evt_unknown", "type": "invoice.paid", "created": 1, "livemode": False}
    live = {**succeeded, "id": "evt_live", "livemode": True}
    connected = {**succeeded, "id": "evt_connected", "account": "acct_1"}
    assert world.process([foreign, unknown, live, connected]) == []
    assert {name: outcome(f"evt_{name}")[0] for name in ("foreign", "unknown", "live", "connected")} == {
        "foreign": "foreign",
        "unknown": "ignored",
        "live": "livemode_mismatch",
        "connected": "foreign",
    }
    assert status_of(world, mandate_id) == "pending"


def test_a_transient_failure_comes_back_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mandate_id, events = authorised(world)
    ingest = world.function("process_webhook").apply_events.__globals__
    real = ingest["record_outcome"]

    def failing(event: Any, *arguments: Any, **words: Any) -> None:
        if event["id"] == "evt_unlucky":
            raise StoreError("throttled")
        real(event, *arguments, **words)

    monkeypatch.setitem(ingest, "record_outcome", failing)
    unlucky = {"id": "evt_unlucky", "type": "invoice.paid", "created": 1, "livemode": False}
    assert world.process([unlucky, *events]) == ["message-0"]
    assert status_of(world, mandate_id) == "active"
    monkeypatch.setitem(ingest, "record_outcome", real)
    assert world.process([unlucky]) == []
    assert outcome("evt_unlucky")[0] == "ignored"


@pytest.mark.parametrize("withdrawal", ["detach", "revoke_at_amazon", "delete_customer"])
@pytest.mark.parametrize("late_activation", [False, True])
def test_a_withdrawal_ends_it_in_whichever_order(
    world: World, withdrawal: str, late_activation: bool
) -> None:
    mandate_id, events = authorised(world)
    object_id = {
        "detach": "payment_method",
        "revoke_at_amazon": "payment_method",
        "delete_customer": "customer",
    }
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    getattr(world.stripe.core, withdrawal)(succeeded["data"]["object"][object_id[withdrawal]])
    seen = {event["id"] for event in events}
    world.deliver(*[event for event in world.events() if event["id"] not in seen])
    withdrawing = world.queued()
    batches = [events, withdrawing] if not late_activation else [withdrawing, events]
    assert world.process(*batches) == []
    assert status_of(world, mandate_id) == "revoked"
    entries = read_ledger(mandate_id)
    assert {"detached", "mandate_inactive", "deleted"} & {kind for entry in entries for kind in entry.kinds}
    assert entries[-1].status == "revoked"
    assert_chain_holds(mandate_id)
    assert world.process(withdrawing, events) == []
    assert len(read_ledger(mandate_id)) == len(entries)


@pytest.mark.parametrize("late_activation", [False, True])
@pytest.mark.parametrize(("for_one_payment", "status"), [(True, "active"), (False, "revoked")])
def test_another_mandate_on_the_same_payment_method_ends(
    world: World, for_one_payment: bool, status: str, late_activation: bool
) -> None:
    """One for a single payment is inactive because it was used. Of any other the id says nothing."""
    mandate_id, events = authorised(world)
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    method = succeeded["data"]["object"]["payment_method"]
    world.stripe.core.end_another_mandate(method, for_one_payment=for_one_payment)
    world.deliver(world.events("mandate.updated")[-1])
    ended = world.queued()
    assert world.process(*([ended, events] if late_activation else [events, ended])) == []
    assert status_of(world, mandate_id) == status
    assert outcome(ended[0]["id"])[0] == ("ignored" if for_one_payment else "applied")


def of_another_checkout(world: World, mandate_id: str, customer_id: str) -> list[dict[str, Any]]:
    """The events of a session that somebody else makes for the same Stripe customer, with our metadata."""
    metadata = {"mandate_id": mandate_id, "managed_by": "test-stack"}
    made = world.stripe_client().v1.checkout.sessions.create(
        {
            "mode": "setup",
            "allowed_payment_method_types": ["amazon_pay"],
            "customer": customer_id,
            "success_url": "https://elsewhere.example/",
            "metadata": metadata,
            "setup_intent_data": {"metadata": metadata},
        }
    )
    seen = {event["id"] for event in world.events()}
    world.stripe.core.decline(made.id)
    world.stripe.core.authorize(made.id)
    world.deliver(*[event for event in world.events() if event["id"] not in seen])
    return world.queued()


def test_another_session_and_its_setup_intent_are_not_believed_of_our_mandate(world: World) -> None:
    opened = world.begun()
    mandate_id = opened["mandate_id"]
    (head,) = read_heads([mandate_id]).values()
    foreign = of_another_checkout(world, mandate_id, head.stripe_customer_id)
    about = [event for event in foreign if event["type"] in {*ABOUT_A_MANDATE, "setup_intent.setup_failed"}]
    assert len(about) == 3
    expired = copy.deepcopy(next(e for e in about if e["type"] == "checkout.session.completed"))
    about.append(expired | {"id": "evt_anothers_expiry", "type": "checkout.session.expired"})
    assert world.process([*foreign, about[-1]]) == []
    for event in about:
        assert outcome(event["id"]) == (
            "quarantined",
            "it is not about the Checkout Session that was created for the mandate",
        )
    assert read_heads([mandate_id])[mandate_id] == head
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.deliver(*world.events(*ABOUT_A_MANDATE))
    assert world.process(world.queued()) == []
    assert status_of(world, mandate_id) == "active"


def test_a_withdrawal_of_something_unknown_is_kept_as_a_tombstone(world: World) -> None:
    detached = {
        "id": "evt_detached",
        "type": "payment_method.detached",
        "created": 1,
        "livemode": False,
        "data": {"object": {"id": "pm_stranger", "object": "payment_method", "type": "amazon_pay"}},
    }
    assert world.process([detached]) == []
    assert read_subjects(["payment_method#pm_stranger"])["payment_method#pm_stranger"].withdrawn
    assert outcome("evt_detached")[0] == "applied"


def test_withdrawal_and_activation_at_the_same_time(world: World) -> None:
    for round_number in range(5):
        customer_id = f"racing-{round_number}"
        mandate_id, events = authorised(world, customer_id)
        succeeded = next(
            event
            for event in events
            if event["type"] == "setup_intent.succeeded"
            and event["data"]["object"]["metadata"]["mandate_id"] == mandate_id
        )
        world.stripe.core.detach(succeeded["data"]["object"]["payment_method"])
        detached = world.events("payment_method.detached")[-1]
        at_once(world, succeeded, detached)
        assert status_of(world, mandate_id) == "revoked"
        kinds = [kind for entry in read_ledger(mandate_id) for kind in entry.kinds]
        assert kinds.count("detached") == 1
        assert_chain_holds(mandate_id)


def test_a_strangers_mandate_is_not_found(world: World) -> None:
    mandate_id = world.begun()["mandate_id"]
    assert world.get_mandate(mandate_id, customer(STRANGER)).status == 404
    assert world.get_mandate("mdt_unknown", customer(STRANGER)).body == {
        **world.get_mandate(mandate_id, customer(STRANGER)).body
    }
    assert world.get_mandate(mandate_id, service()).status == 403
    assert world.get_mandate(mandate_id, service("mandates:read")).status == 200
    assert world.get_mandate(mandate_id, {"principalId": "x"}).status == 401


def test_a_second_withdrawal_during_activation_is_in_the_ledger_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate_id, events = authorised(world)
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    world.stripe.core.detach(succeeded["data"]["object"]["payment_method"])
    world.deliver(*world.events("payment_method.detached", "mandate.updated"))
    detached, inactive = sorted(world.queued(), key=lambda event: str(event["type"]), reverse=True)
    assert world.process([detached]) == []
    other_worker = world.fresh("process_webhook")
    ingest = world.function("process_webhook").apply_events.__globals__
    commit = ingest["commit"]

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setitem(ingest, "commit", commit)
        assert other_worker.handler(sqs_event([inactive]), None) == {"batchItemFailures": []}
        commit(*arguments)

    monkeypatch.setitem(ingest, "commit", overtaken)
    assert world.process([succeeded]) == []
    kinds = [kind for entry in read_ledger(mandate_id) for kind in entry.kinds]
    assert {"detached", "mandate_inactive"} <= set(kinds)
    assert_chain_holds(mandate_id)


def test_what_was_not_for_us_is_read_again_once_a_setting_is_corrected(world: World) -> None:
    mandate_id, events = authorised(world)
    world.environment["STRIPE_LIVEMODE"] = "true"
    wrong = world.fresh("process_webhook")
    assert wrong.handler(sqs_event(events), None) == {"batchItemFailures": []}
    assert status_of(world, mandate_id) == "pending"
    world.environment["STRIPE_LIVEMODE"] = "false"
    assert world.process(events) == []
    assert status_of(world, mandate_id) == "active"


def test_one_impossible_time_does_not_stop_the_batch(world: World) -> None:
    mandate_id, events = authorised(world)
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    odd = {**succeeded, "id": "evt_odd", "created": 2**60}
    assert world.process([odd, *events]) == []
    assert status_of(world, mandate_id) == "active"
    assert outcome("evt_odd") == ("quarantined", "unreadable: created is not a time")


def test_more_events_of_one_mandate_than_a_transaction_holds(world: World) -> None:
    mandate_id, events = authorised(world)
    succeeded = next(event for event in events if event["type"] == "setup_intent.succeeded")
    many = [{**succeeded, "id": f"evt_{number}"} for number in range(70)]
    assert world.process(many) == []
    assert len(read_ledger(mandate_id)) == 72
    assert_chain_holds(mandate_id)


def test_a_thousand_failures_leave_room_for_a_revocation(world: World) -> None:
    mandate_id = world.begun()["mandate_id"]
    head = read_heads([mandate_id])[mandate_id]
    failed = {
        "type": "setup_intent.setup_failed",
        "livemode": False,
        "data": {
            "object": {
                "id": head.setup_intent_id,
                "object": "setup_intent",
                "customer": head.stripe_customer_id,
                "metadata": {"mandate_id": mandate_id, "managed_by": "test-stack"},
                "last_setup_error": {"code": "payment_method_customer_decline"},
            }
        },
    }
    for batch in range(4):
        attempts = [
            {**failed, "id": f"evt_{batch}_{number}", "created": batch * 100 + number} for number in range(25)
        ]
        assert world.process(attempts) == []
    head = read_heads([mandate_id])[mandate_id]
    assert len(head.facts) == 3
    assert world.revoke(mandate_id).body["status"] == "revoked"


def test_a_change_worked_out_from_an_old_head_is_refused_by_the_head_alone(world: World) -> None:
    """Even where the entry that the other writer made is gone, which would refuse it too."""
    mandate_id = world.begun()["mandate_id"]
    now, head = Instant(1), read_heads([mandate_id])[mandate_id]
    told = {mandate_id: [Contribution("api:test", (Fact(Kind.SESSION_EXPIRED, 1, "api:test"),))]}
    changes = work_out(told, {mandate_id: head}, now, {})
    commit(changes, now)
    EntryRow.get(mandate_id, f"{EntryRow.PREFIX}{head.entries + 1:06}").delete()
    with pytest.raises(Conflict):
        commit(changes, now)
