"""Reading Stripe's list of events: from a durable cursor, in slices, and on after whatever stopped it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from moto import mock_aws

from mandates.core.clock import Instant
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.client import Gateway
from mandates.gateway.events import EVENTS_LISTED_SECONDS, EVENTS_PER_PAGE, EventPage
from mandates.runtime.queues import Queue
from mandates.store import tables
from mandates.store.event_cursors import advance_cursor, read_positions
from mandates.store.events import record_outcome
from mandates.webhooks import reconciling, strangers
from mandates.webhooks.reconciling import (
    CLOCKS_APART_SECONDS,
    MOST_TYPES,
    MOST_WAITING,
    PAYMENTS_BACK_SECONDS,
    SECOND_LOOK_SECONDS,
    Found,
    Reconciler,
    group_of,
    groups_of,
)
from tests.component.world import TABLES, create_tables
from tests.unit.examples import CHARGE_ID, CHARGE_METADATA

pytestmark = pytest.mark.usefixtures("dynamodb")
CONSENTS, PAYMENTS = groups_of(HANDLED_TYPES)
GROUP = CONSENTS.cursor
DAY = 86_400


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    with mock_aws():
        create_tables("events", "stripe_subjects")
        tables.bind({name: name for name in TABLES})
        yield


def read_position(cursor: str) -> int | None:
    return read_positions([cursor]).get(cursor)


class FakeQueue(Queue):
    """Refuses or breaks as told; remembers what it took."""

    def __init__(self, *, length: int = 0, refuses: Callable[[str], bool] = lambda _: False) -> None:
        self.taken: list[str] = []
        self.waiting = length
        self.refuses = refuses

    def length(self) -> int:
        return self.waiting

    def send(self, messages: Sequence[str]) -> int:
        taken = [message for message in messages if not self.refuses(message)]
        self.taken += taken
        return len(taken)


class Listed:
    """Stripe's list with these events in it, and nothing else; counts what it is asked."""

    def __init__(self, events: Sequence[Mapping[str, Any]] = ()) -> None:
        self.events = sorted(events, key=lambda event: event["created"])
        self.asked: list[tuple[int, int]] = []
        self.asked_about: list[Sequence[str]] = []
        self.fails_at: int | None = None

    def list_page(
        self, types: Sequence[str], *, created_from: int, created_before: int, after: str | None = None
    ) -> Any:
        self.asked.append((created_from, created_before))
        self.asked_about.append(types)
        if self.fails_at is not None and len(self.asked) > self.fails_at:
            raise TimeoutError("crashed")
        found = [
            event
            for event in reversed(self.events)
            if created_from <= event["created"] < created_before and event["type"] in types
        ]
        begin = next((i + 1 for i, event in enumerate(found) if event["id"] == after), 0)
        page = found[begin : begin + EVENTS_PER_PAGE]
        return EventPage(page, begin + EVENTS_PER_PAGE < len(found))


def event(number: int, created: int, kind: str = "customer.deleted") -> dict[str, Any]:
    deleted = {"id": f"cus_{number}", "object": "customer"}
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": kind,
        "created": created,
        "livemode": False,
        "data": {"object": deleted},
    }


NOW = int(time.time())


def reconciler(listed: Listed, queue: Queue, **changes: Any) -> Reconciler:
    usual: dict[str, Any] = {
        "livemode": False,
        "owner_mark": "test-stack",
        "clock": lambda: NOW,
        "time_left": lambda: 300.0,
    }
    gateway: Any = Gateway("sk_test_placeholder")
    gateway.events = listed
    return Reconciler(gateway, queue, **(usual | changes))


def test_what_is_recorded_is_not_queued_whatever_came_of_it() -> None:
    events = [event(number, NOW - number) for number in range(5)]
    for one, outcome in zip(
        events, ("applied", "ignored", "foreign", "quarantined", "livemode_mismatch"), strict=True
    ):
        record_outcome(one, outcome, Instant(NOW))
    queue = FakeQueue()
    found = reconciler(Listed([*events, event(9, NOW)]), queue).run()
    assert (found.listed, found.missing, found.queued) == (6, 1, 1)
    assert len(queue.taken) == 1
    assert "evt_9" in queue.taken[0]


def payment(number: int, mark: str, created: int = NOW - 3600, **metadata: str) -> dict[str, Any]:
    metadata = {"managed_by": mark, **metadata}
    intent = {"id": f"pi_{number}", "object": "payment_intent", "metadata": metadata}
    return {**event(number, created, "payment_intent.succeeded"), "data": {"object": intent}}


def test_the_consents_group_keeps_the_cursor_of_release_0_1_0() -> None:
    """Payments apart: so an upgrade reads no strangers' payments of 30 days before the consents' events."""
    assert GROUP == "a8763e0ae8e94ac2"
    assert max(len(CONSENTS.types), len(PAYMENTS.types)) <= MOST_TYPES
    assert {*CONSENTS.types, *PAYMENTS.types} == {*HANDLED_TYPES}


def test_somebody_elses_payments_are_neither_queued_nor_missing() -> None:
    listed = Listed([payment(1, "another-stack"), payment(2, ""), payment(3, "test-stack"), event(4, NOW)])
    queue = FakeQueue()
    found = reconciler(listed, queue).run()
    assert (found.listed, found.foreign, found.missing, found.gap, found.queued) == (4, 2, 2, 1, 2)
    assert found.is_complete
    assert [json.loads(message)["id"] for message in queue.taken] == ["evt_4", "evt_3"]


def of_intent(number: int, kind: str, intent: str | None, **metadata: str) -> dict[str, Any]:
    name = "refund" if kind.startswith("refund.") else "dispute"
    about = {"id": f"x_{number}", "object": name, "payment_intent": intent, "metadata": metadata}
    return {**event(number, NOW - 3600, kind), "data": {"object": about}}


def test_refunds_and_disputes_are_looked_up_among_the_intents_that_our_charges_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stranger's is no gap, and no record of it is asked for: it never gets one."""
    asked: list[list[str]] = []

    def charges_of(intents: Iterable[str]) -> dict[str, str]:
        asked.append(sorted(intents))
        return {"pi_ours": CHARGE_ID}

    monkeypatch.setattr(strangers, "charges_of_intents", charges_of)
    recorded_of = asks_for_records(monkeypatch)
    listed = Listed(
        [
            of_intent(1, "refund.created", "pi_ours"),
            of_intent(2, "refund.updated", "pi_strangers"),
            of_intent(3, "charge.dispute.created", "pi_ours", managed_by="a-dispute-service"),
            of_intent(4, "charge.dispute.created", "pi_another", **CHARGE_METADATA),
            of_intent(5, "charge.dispute.closed", None),
            of_intent(6, "refund.failed", "pi_lost", managed_by="test-stack"),  # for somebody to look at
            of_intent(7, "refund.failed", "pi_other", **CHARGE_METADATA | {"managed_by": "another-stack"}),
            payment(8, "", charge_id=CHARGE_ID),
        ]
    )
    queue = FakeQueue()
    found = reconciler(listed, queue).run()
    assert sorted(json.loads(message)["id"] for message in queue.taken) == ["evt_1", "evt_3", "evt_6"]
    assert (found.listed, found.foreign, found.missing, found.gap) == (8, 5, 3, 3)
    assert sorted(recorded_of) == ["evt_1", "evt_3", "evt_6"]
    assert [one for one in asked if one] == [
        ["pi_8", "pi_another", "pi_lost", "pi_ours", "pi_ours", "pi_strangers"]
    ]


def asks_for_records(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def recorded(event_ids: Iterable[str]) -> set[str]:
        asked.extend(event_ids)
        return set()

    monkeypatch.setattr(reconciling, "recorded", recorded)
    return asked


# ------------------------------------------------------------------------------------- the cursor


def test_the_first_run_begins_where_stripes_list_does() -> None:
    stripe = Listed([event(1, NOW - EVENTS_LISTED_SECONDS + 5)])
    found = reconciler(stripe, FakeQueue()).run()
    assert found == Found(listed=1, missing=1, gap=1, queued=1, lag_seconds=0)
    assert stripe.asked[0][0] == NOW - EVENTS_LISTED_SECONDS
    assert len(stripe.asked) < 15  # empty slices grow
    assert read_position(GROUP) == NOW


def asked_of(listed: Listed, types: Sequence[str]) -> list[tuple[int, int]]:
    return [span for span, about in zip(listed.asked, listed.asked_about, strict=True) if about == types]


def test_every_second_is_read_twice_at_once_and_an_hour_later() -> None:
    runs = [NOW, NOW + 900, NOW + 1800, NOW + 3600, NOW + 4500]
    spans: dict[tuple[str, ...], list[tuple[int, int]]] = {CONSENTS.types: [], PAYMENTS.types: []}
    for now in runs:
        listed = Listed()
        assert reconciler(listed, FakeQueue(), clock=lambda now=now: now).run().lag_seconds == 0
        for types in spans:
            spans[types] += asked_of(listed, types)
    for seen in spans.values():
        for second in range(CLOCKS_APART_SECONDS, 900, 60):
            assert sum(begin <= NOW + second < end for begin, end in seen) == 2, second
    assert read_position(GROUP) == runs[-1]
    assert read_position(CONSENTS.second_cursor) == runs[-1] - SECOND_LOOK_SECONDS


def test_an_upgraded_stack_looks_again_at_the_hour_before_its_cursor() -> None:
    advance_cursor(GROUP, NOW - 900, HANDLED_TYPES, Instant(NOW))
    late = Listed([event(1, NOW - 900 - SECOND_LOOK_SECONDS + 1)])
    assert reconciler(late, FakeQueue()).run().queued == 1


@pytest.mark.parametrize("kind", ["customer.deleted", "payment_intent.succeeded"])
def test_an_event_listed_late_is_found_when_it_is_an_hour_old(kind: str) -> None:
    reconciler(Listed(), FakeQueue()).run()
    late = Listed([payment(1, "test-stack", NOW - 1)] if "payment" in kind else [event(1, NOW - 1)])
    assert reconciler(late, FakeQueue(), clock=lambda: NOW + 900).run().listed == 0
    found = reconciler(late, FakeQueue(), clock=lambda: NOW + SECOND_LOOK_SECONDS).run()
    assert (found.queued, found.gap) == (1, 1)


def test_what_a_run_has_just_queued_is_not_queued_again_by_its_second_look() -> None:
    advance_cursor(GROUP, NOW - 3 * DAY, HANDLED_TYPES, Instant(NOW))
    found = reconciler(Listed([event(1, NOW - 2 * DAY)]), FakeQueue()).run()
    assert (found.missing, found.gap, found.queued) == (1, 1, 1)


def test_no_rate_of_events_keeps_a_run_from_getting_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has time for ten requests. The hour before its cursor alone would take thirty."""
    monkeypatch.setattr(reconciling, "MOST_PER_SLICE", 200)
    events = [payment(number, "another-stack", NOW - 3600 + number) for number in range(3000)]
    for cursor, position in (
        (GROUP, NOW),
        (PAYMENTS.cursor, NOW - 3600),
        (PAYMENTS.second_cursor, NOW - 7200),
    ):
        advance_cursor(cursor, position, ["some.type"], Instant(NOW))
    lags = []
    for _ in range(9):
        left = iter([300.0] * 10 + [0.0] * 2)
        found = reconciler(Listed(events), FakeQueue(), time_left=partial(next, left)).run()
        lags.append(found.lag_seconds or 0)
    assert lags[0]
    assert lags == sorted(lags, reverse=True)
    assert (lags[-1], found.is_complete) == (0, True)


def test_payments_begin_a_day_back_and_everything_else_where_the_list_does() -> None:
    stripe = Listed()
    assert reconciler(stripe, FakeQueue()).run().lag_seconds == 0
    assert asked_of(stripe, CONSENTS.types)[0][0] == NOW - EVENTS_LISTED_SECONDS
    assert asked_of(stripe, PAYMENTS.types)[0][0] == NOW - PAYMENTS_BACK_SECONDS


def test_strangers_payments_hold_up_no_consent() -> None:
    """However many there are: the consents are read first."""
    strangers = [payment(number, "another-stack", NOW - 5000) for number in range(500)]
    left = iter([300.0] * 14 + [0.0] * 10)
    stripe = Listed([*strangers, event(1001, NOW - 5000)])
    found = reconciler(stripe, FakeQueue(), time_left=lambda: next(left)).run()
    assert (found.stopped, found.queued) == ("time", 1)
    position = read_position(PAYMENTS.cursor)
    assert position is not None
    assert position <= NOW - 5000 < NOW == read_position(GROUP)


def test_a_crash_at_any_request_costs_no_event() -> None:
    events = [event(number, NOW - 20 * DAY + number * 3600) for number in range(20 * 24)]
    queue = FakeQueue()
    runs = 0
    while True:
        runs += 1
        stripe = Listed(events)
        stripe.fails_at = 4
        found = reconciler(stripe, queue).run()
        if found.is_complete:
            break
        assert isinstance(found.error, TimeoutError)
        assert found.lag_seconds
        assert runs < 80
    assert runs > 2
    assert {f"evt_{number}" for number in range(20 * 24)} == {ids(message) for message in queue.taken}


def ids(message: str) -> str:
    return str(json.loads(message)["id"])


def test_a_crash_after_queueing_and_before_the_cursor_moves_only_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stripe = Listed([event(1, NOW - 5 * DAY)])

    def crash(*_: Any) -> None:
        raise TimeoutError("crashed")

    queue = FakeQueue()
    with monkeypatch.context() as broken:
        broken.setattr(reconciling, "advance_cursor", crash)
        assert isinstance(reconciler(stripe, queue).run().error, TimeoutError)
    assert read_position(GROUP) is None
    reconciler(stripe, queue).run()
    assert [ids(message) for message in queue.taken] == ["evt_1"] * len(queue.taken)


def test_it_stops_in_time_and_goes_on_from_there() -> None:
    events = [event(number, NOW - 10 * DAY + number * 3600) for number in range(240)]
    queue = FakeQueue()
    left = iter([300.0, 250.0, 200.0, 119.0])
    found = reconciler(Listed(events), queue, time_left=lambda: next(left)).run()
    assert found.stopped == "time"
    assert found.error is None
    position = read_position(GROUP)
    assert position is not None
    assert found.lag_seconds == NOW - position > 0
    goes_on = Listed(events)
    assert reconciler(goes_on, queue).run().is_complete
    assert goes_on.asked[0][0] == position
    assert {ids(message) for message in queue.taken} == {one["id"] for one in events}


def test_the_cursor_never_goes_back() -> None:
    advance_cursor(GROUP, NOW, HANDLED_TYPES, Instant(NOW))
    advance_cursor(GROUP, NOW - 50, HANDLED_TYPES, Instant(NOW))
    assert read_position(GROUP) == NOW
    reconciler(Listed(), FakeQueue(), since=NOW - DAY).run()
    assert read_position(GROUP) == NOW


def test_by_hand_the_cursor_jumps_over_nothing() -> None:
    advance_cursor(GROUP, NOW - 5 * DAY, HANDLED_TYPES, Instant(NOW))
    events = [event(1, NOW - 4 * DAY), event(2, NOW - 2 * DAY)]
    found = reconciler(Listed(events), FakeQueue(), since=NOW - 3 * DAY).run()
    assert (found.queued, found.lag_seconds) == (1, 5 * DAY)
    assert read_position(GROUP) == NOW - 5 * DAY
    found = reconciler(Listed(events), FakeQueue(), since=NOW - 6 * DAY).run()
    assert (found.queued, found.lag_seconds) == (2, 0)
    assert read_position(GROUP) == NOW


def test_a_cursor_ahead_of_the_clock_hides_nothing() -> None:
    advance_cursor(GROUP, NOW + 10 * DAY, HANDLED_TYPES, Instant(NOW))
    assert reconciler(Listed(), FakeQueue()).run().lag_seconds == 0
    later = reconciler(Listed([event(1, NOW - 60)]), FakeQueue(), clock=lambda: NOW + SECOND_LOOK_SECONDS)
    assert later.run().queued == 1


def test_a_cursor_older_than_the_list_begins_where_the_list_does_and_says_so() -> None:
    advance_cursor(GROUP, NOW - EVENTS_LISTED_SECONDS - 60, HANDLED_TYPES, Instant(NOW))
    stripe = Listed()
    assert reconciler(stripe, FakeQueue()).run().out_of_reach == 1
    assert stripe.asked[0][0] == NOW - EVENTS_LISTED_SECONDS
    assert reconciler(Listed(), FakeQueue()).run().out_of_reach == 0


def test_more_types_than_one_request_takes_make_several_groups() -> None:
    types = [f"a.type_{number:02}" for number in range(45)]
    stripe = Listed([event(number, NOW - number, kind) for number, kind in enumerate(types)])
    assert reconciler(stripe, FakeQueue()).run(types).listed == 45
    assert read_position(group_of(types[:20])) == NOW
    assert read_position(group_of(types[40:])) == NOW


def test_a_newly_handled_type_begins_where_the_list_does() -> None:
    reconciler(Listed(), FakeQueue()).run()
    stripe = Listed([event(1, NOW - 29 * DAY, "a.new_type")])
    assert reconciler(stripe, FakeQueue()).run([*HANDLED_TYPES, "a.new_type"]).queued == 1


def test_a_slice_with_too_many_is_given_up_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "MOST_PER_SLICE", 200)
    events = [event(number, NOW - 3 * DAY + number) for number in range(1500)]
    events += [event(2000 + number, NOW - DAY) for number in range(900)]  # in one second
    queue, stripe = FakeQueue(), Listed(events)
    found = reconciler(stripe, queue).run()
    assert found.is_complete
    assert found.listed == 2400
    assert sorted(map(ids, queue.taken)) == sorted(one["id"] for one in events)


# -------------------------------------------------------------------------------------- the queue


def test_what_the_queue_does_not_take_holds_the_cursor_and_nothing_else() -> None:
    events = [event(number, NOW - 3 * DAY + number * 7200) for number in range(30)]
    queue = FakeQueue(refuses=lambda message: '"evt_3"' in message)
    found = reconciler(Listed(events), queue).run()
    assert (found.queued, found.not_taken, found.is_complete) == (29, 1, False)
    position = read_position(GROUP)
    assert position is not None
    assert position <= events[3]["created"]
    queue.refuses = lambda _: False
    assert reconciler(Listed(events), queue).run().is_complete
    assert '"evt_3"' in "".join(queue.taken)
    assert read_position(GROUP) == NOW


def test_single_refusals_of_a_batch_are_noticed() -> None:
    class Sqs:
        sent: list[Any]

        def send_message_batch(self, **call: Any) -> Any:
            entries = call["Entries"]
            assert len(entries) <= 10
            return {
                "Successful": [{"Id": entry["Id"]} for entry in entries if entry["MessageBody"] != "7"],
                "Failed": [{"Id": entry["Id"]} for entry in entries if entry["MessageBody"] == "7"],
            }

    assert Queue(Sqs(), "url").send([str(number) for number in range(25)]) == 24
    assert Queue(Sqs(), "url").send([]) == 0


def test_a_deep_queue_is_not_made_deeper() -> None:
    queue = FakeQueue(length=MOST_WAITING + 1)
    stripe = Listed([event(1, NOW - 2 * DAY)])
    found = reconciler(stripe, queue).run()
    assert (found.stopped, found.queued, found.gap) == ("queue", 0, 1)
    position = read_position(GROUP)
    assert position is not None
    assert position < NOW - 2 * DAY
    queue.waiting = MOST_WAITING
    assert reconciler(stripe, queue).run().queued == 1


# ------------------------------------------------------------------------------------------ Stripe


def test_two_runs_at_once_do_no_harm() -> None:
    events = [event(number, NOW - 3 * DAY + number * 3600) for number in range(60)]
    one, other = FakeQueue(), FakeQueue()
    within = Listed(events)

    class Interrupted(Listed):
        """While this run is at its third request, another goes from start to end."""

        def list_page(self, types: Sequence[str], **about: Any) -> Any:
            if len(self.asked) == 2:
                assert reconciler(within, other).run().is_complete
            return super().list_page(types, **about)

    assert reconciler(Interrupted(events), one).run().is_complete
    assert read_position(GROUP) == NOW
    assert {ids(message) for message in other.taken} == {event["id"] for event in events}
    assert {ids(message) for message in one.taken} == {event["id"] for event in events}


def test_dry_run_changes_nothing() -> None:
    queue, told = FakeQueue(), list[str]()
    found = reconciler(Listed([event(1, NOW - DAY)]), queue, dry_run=True, say=told.append).run()
    assert (found.missing, found.queued, queue.taken) == (1, 0, [])
    assert read_position(GROUP) is None
    assert any("1 listed, 1 not recorded" in line for line in told)
