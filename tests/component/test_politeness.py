"""Stripe busy, slow, broken or away, and a burst of background work for it; all in virtual time."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from local.stripe_simulator import FaultPlan, Simulator
from mandates.core.changes import Contribution, Subject, change
from mandates.core.errors import StripeUnavailable
from mandates.core.facts import Fact, Kind, ids
from mandates.core.mandate import Mandate
from mandates.core.subjects import payment_method_subject, stripe_customer_subject
from mandates.gateway import access, client, politeness
from mandates.gateway.checkout_sessions import setup_session_params
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import AnswerReplayed
from mandates.gateway.politeness import (
    ATTEMPTS,
    BACKGROUND_PER_SECOND,
    CALL_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PUT_OFF_SECONDS,
    REQUEST_SECONDS,
    STRIPE_PER_SECOND,
)
from mandates.revocation import releasing
from tests.component.virtual_time import TimedClient, VirtualTime
from tests.component.world import Context, World, sqs_event, template
from tests.unit.examples import NEW_MANDATE

DAY = 86_400
OWNER_MARK = "test-stack"


@dataclass
class Shop:
    """A gateway on a Stripe that takes 20 ms, in time of their own."""

    time: VirtualTime = field(default_factory=VirtualTime)

    def __post_init__(self) -> None:
        self.core = Simulator(clock=self.time, random=Random(1))
        self.client = TimedClient(self.core, self.time)
        self.gateway = Gateway(
            "sk_test_placeholder",
            http_client=self.client,
            clock=self.time,
            sleep=self.time.sleep,
            chance=Random(7).random,
        )

    def fault(self, **fault: Any) -> None:
        self.core.set_faults(FaultPlan.parse({"api": [fault]}))

    def create(self) -> str:
        return self.gateway.customers.create("ann", OWNER_MARK, idempotency_key="customer/1/claim")

    @property
    def statuses(self) -> list[int]:
        return [line.status for line in self.core.requests()]

    @property
    def customers(self) -> list[str]:
        listed = self.core.request("GET", "/v1/customers", {"Authorization": "Bearer sk_test_placeholder"})
        return [one["id"] for one in listed.body["data"]]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop()


# ---------------------------------------------------------------------------------------- one call


def test_a_rate_limit_is_waited_out_under_the_same_idempotency_key(shop: Shop) -> None:
    shop.fault(effect="rate_limit", times=3)
    created = shop.create()
    assert shop.statuses == [429, 429, 429, 200]
    requests = shop.core.requests()
    assert {line.idempotency_key for line in requests} == {"customer/1/claim"}
    pauses = [later.at - line.at - 0.02 for line, later in itertools.pairwise(requests)]
    longest = [0.5, 1.0, 2.0]
    assert all(0 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len({round(pause / most, 3) for pause, most in zip(pauses, longest, strict=True)}) == 3
    assert shop.customers == [created]


def test_the_sdks_own_key_is_the_same_on_each_attempt_too(shop: Shop) -> None:
    created = shop.create()
    shop.fault(effect="rate_limit", times=2)
    shop.gateway.customers.update(created, {"name": "Ann"})
    keys = [line.idempotency_key for line in shop.core.requests() if line.path.endswith(created)]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert keys[0]


def test_a_rate_limit_without_end_is_given_up_in_time(shop: Shop) -> None:
    shop.fault(effect="rate_limit")
    began = shop.time.now
    with pytest.raises(StripeUnavailable) as unavailable:
        shop.create()
    assert unavailable.value.extra["stripe_code"] == "rate_limit"
    assert shop.statuses == [429] * ATTEMPTS
    assert shop.time.now - began < CALL_SECONDS


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ({"effect": "lock_timeout", "times": 2}, [429, 429, 200]),
        ({"effect": "server_error", "status": 503, "times": 2}, [503, 503, 200]),
        ({"effect": "server_error", "status": 502, "applied": True, "times": 1}, [502, 200]),
        ({"effect": "timeout_after_effect", "times": 1}, [200, 200]),
        ({"effect": "timeout_after_effect", "seconds": 30, "times": 1}, [200, 409]),
        ({"effect": "latency", "seconds": 7, "times": 1}, [200]),
    ],
)
def test_what_passes_leaves_one_customer(shop: Shop, fault: dict[str, Any], statuses: list[int]) -> None:
    shop.fault(**fault)
    try:
        created = shop.create()
    except StripeUnavailable:  # only where the key was in use for longer than a call may take
        assert 409 in statuses
        shop.time.sleep(30)
        created = shop.create()
    assert shop.statuses[: len(statuses)] == statuses
    assert shop.customers == [created]


def test_a_500_is_not_repeated_since_it_would_be_replayed(shop: Shop) -> None:
    shop.fault(effect="server_error", status=500, times=1)
    with pytest.raises(StripeUnavailable):
        shop.create()
    assert shop.statuses == [500]
    with pytest.raises(AnswerReplayed):
        shop.create()


@pytest.mark.parametrize("seconds", [7.9, 60])
def test_a_slow_stripe_is_given_up_before_the_function_is(shop: Shop, seconds: float) -> None:
    shop.fault(effect="latency", seconds=seconds)
    began = shop.time.now
    try:
        shop.gateway.customers.check_exists(shop.create())
    except StripeUnavailable:
        assert seconds > 8
    assert shop.time.now - began <= CALL_SECONDS


def test_an_unreachable_stripe_is_given_up_before_the_function_is(shop: Shop) -> None:
    shop.client.is_reachable = False
    began = shop.time.now
    with pytest.raises(StripeUnavailable):
        shop.create()
    assert 1 < len(shop.client.keys) <= ATTEMPTS
    assert shop.time.now - began <= CALL_SECONDS


def test_the_calls_of_one_request_share_its_time(shop: Shop) -> None:
    created = shop.create()
    shop.client.latency = 7
    began = shop.time.now
    shop.gateway.begin(REQUEST_SECONDS)
    shop.gateway.customers.check_exists(created)
    shop.gateway.customers.check_exists(created)
    asked = len(shop.client.keys)
    with pytest.raises(StripeUnavailable):
        shop.gateway.customers.check_exists(created)
    assert len(shop.client.keys) == asked
    assert shop.time.now - began <= REQUEST_SECONDS
    shop.gateway.begin(REQUEST_SECONDS)
    shop.gateway.customers.check_exists(created)


# ---------------------------------------------------------------------------- in the functions


@dataclass
class Timed:
    """Functions loaded on a simulator of their own, in virtual time, with the real paces and pauses."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    time: VirtualTime = field(default_factory=lambda: VirtualTime(time.time()))
    heads: dict[str, Mandate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.core = Simulator(clock=self.time, random=Random(1))
        self.client = TimedClient(self.core, self.time)
        self.monkeypatch.setattr(politeness, "FIRST_PAUSE_SECONDS", FIRST_PAUSE_SECONDS)
        self.monkeypatch.setattr(politeness, "BACKGROUND_PER_SECOND", BACKGROUND_PER_SECOND)

    def container(self, name: str) -> Any:
        times = SimpleNamespace(time=self.time, monotonic=self.time, sleep=self.time.sleep)
        with self.monkeypatch.context() as patched:
            patched.setattr(access, "time", times)
            patched.setattr(client, "Urllib3Client", lambda *_, **__: self.client)
            return self.world.fresh(name)

    def withdrawn(self, how_many: int) -> list[str]:
        """Mandates that are revoked here, each with a payment method that is attached at Stripe.

        They are not in moto's tables, which would take longer to fill and read than all the rest.
        """
        made = [self._withdrawn(number) for number in range(how_many)]
        self.heads = {one.mandate_id: one for one in made}
        self.monkeypatch.setattr(
            releasing, "read_heads", lambda wanted: {one: self.heads[one] for one in wanted}
        )
        self.monkeypatch.setattr(releasing, "read_subjects", lambda keys: {key: Subject(key) for key in keys})
        return list(self.heads)

    def _withdrawn(self, number: int) -> Mandate:
        mandate_id = f"mdt_{number:024}".translate(str.maketrans("0123456789", "abcdefghij"))
        shop = Gateway("sk_test_placeholder", http_client=self.client, clock=self.time, sleep=self.time.sleep)
        customer_id = shop.customers.create(mandate_id, OWNER_MARK, idempotency_key=mandate_id)
        params = setup_session_params(
            mandate_id=mandate_id,
            owner_mark=OWNER_MARK,
            stripe_customer_id=customer_id,
            currency="usd",
            success_url="https://shop.example/return?session={CHECKOUT_SESSION_ID}",
            cancel_url="https://shop.example/",
            locale="en",
            expires_at=int(self.time.now) + 3600,
        )
        opened = shop.checkout_sessions.create(params, idempotency_key=f"{mandate_id}/session")
        session = opened.checkout_session_id
        self.core.authorize(session)
        intent = self.core.find("checkout.session", session)["setup_intent"]
        payment_method = self.core.find("setup_intent", intent)["payment_method"]
        mandate = replace(
            NEW_MANDATE, mandate_id=mandate_id, customer_id=mandate_id, stripe_customer_id=customer_id
        )
        told = (
            Fact(Kind.SETUP_SUCCEEDED, 1, "evt_1", ids(payment_method=payment_method)),
            Fact(Kind.REVOKED, 2, "api:revoke_mandate", detail={"by": "customer"}),
        )
        keys = [stripe_customer_subject(customer_id), payment_method_subject(payment_method)]
        return change(
            mandate,
            [Contribution(fact.source, (fact,)) for fact in told],
            subjects={key: Subject(key) for key in keys},
            recorded_at=mandate.created_at,
        ).after

    @property
    def detached(self) -> int:
        return sum(event["type"] == "payment_method.detached" for event in self.core.events())


@pytest.fixture
def timed(world: World, monkeypatch: pytest.MonkeyPatch) -> Timed:
    return Timed(world, monkeypatch)


@dataclass
class Message:
    body: dict[str, Any]
    sent_at: float
    visible_at: float
    received: int = 0


@dataclass
class WorkQueue:
    """The Stripe work queue as template.yaml has it, in virtual time; also the function's SQS client."""

    time: VirtualTime
    messages: list[Message] = field(default_factory=list)
    lost: int = 0

    def __post_init__(self) -> None:
        properties = template()["Resources"]["StripeWorkQueue"]["Properties"]
        self.visibility = properties["VisibilityTimeout"]
        self.retention = properties["MessageRetentionPeriod"]
        self.dead_letters_after = properties.get("RedrivePolicy", {}).get("maxReceiveCount", float("inf"))

    def send(self, mandate_ids: Sequence[str]) -> None:
        now = self.time.now
        self.messages += [Message({"mandate_id": one}, now, now) for one in mandate_ids]

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        self.messages[int(ReceiptHandle)].visible_at = self.time.now + VisibilityTimeout

    def work(self, function: Any, until: Callable[[], bool] = lambda: False) -> None:
        """What Lambda does with one worker: a message at a time, until all are done."""
        while waiting := [one for one in self.messages if one.body]:
            message = min(waiting, key=lambda one: one.visible_at)
            self.time.sleep(max(0.0, message.visible_at - self.time.now))
            if until():
                return
            if message.visible_at > self.time.now or not message.body:
                continue  # the other worker was faster
            message.received += 1
            if self.time.now - message.sent_at > self.retention or message.received > self.dead_letters_after:
                message.body = {}
                self.lost += 1
                continue
            message.visible_at = self.time.now + self.visibility
            event = sqs_event([message.body])
            event["Records"][0]["receiptHandle"] = str(self.messages.index(message))
            event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(message.received)
            if not function.handler(event, Context())["batchItemFailures"]:
                message.body = {}


def peak(times: Sequence[float]) -> int:
    """The most in any one second, wherever that begins."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(times):
        window.append(at)
        while window[0] <= at - 1:
            window.popleft()
        most = max(most, len(window))
    return most


def drain(timed: Timed, withdrawals: int, *, paced: bool) -> tuple[int, int, float]:
    """Two workers on a queue of so many; returns the refused calls, the peak in a second, and the seconds."""
    queue = WorkQueue(timed.time)
    queue.send(timed.withdrawn(withdrawals))
    limit = {"effect": "rate_limit", "per_second": STRIPE_PER_SECOND}
    timed.core.set_faults(FaultPlan.parse({"api": [limit]}))
    workers = [timed.container("release_withdrawals") for _ in range(2)]
    for worker in workers:
        worker.sqs = queue
    if not paced:
        timed.monkeypatch.setattr(politeness.Pacer, "turn", lambda _: nullcontext())
    before, began = len(timed.core.requests()), timed.time.now
    timed.time.run(*[lambda worker=worker: queue.work(worker) for worker in workers])
    requests = timed.core.requests()[before:]
    refused = Counter(line.status for line in requests)[429]
    return refused, peak([line.at for line in requests]), requests[-1].at - began


def test_two_workers_drain_a_burst_of_withdrawals_and_stripe_refuses_none(timed: Timed) -> None:
    refused, most, seconds = drain(timed, 300, paced=True)
    print(f"\n300 withdrawals: {refused} times 429, at most {most} calls in a second, {seconds:.0f} s in all")
    assert refused == 0
    assert 2 * BACKGROUND_PER_SECOND <= most <= 2 * (BACKGROUND_PER_SECOND + 1) < STRIPE_PER_SECOND
    assert timed.detached == 300


def test_without_the_pace_stripe_refuses_some_and_all_are_done_nevertheless(timed: Timed) -> None:
    refused, most, seconds = drain(timed, 100, paced=False)
    print(f"\n100 unpaced: {refused} times 429, at most {most} calls in a second, {seconds:.0f} s in all")
    assert refused > 0
    assert most > STRIPE_PER_SECOND
    assert timed.detached == 100


def test_a_message_outlives_an_outage_of_thirteen_days(timed: Timed) -> None:
    queue = WorkQueue(timed.time)
    queue.send(timed.withdrawn(1))
    worker = timed.container("release_withdrawals")
    worker.sqs = queue
    timed.client.is_reachable = False
    over = timed.time.now + 13 * DAY
    queue.work(worker, until=lambda: timed.time.now >= over)
    assert (queue.lost, timed.detached) == (0, 0)
    received = queue.messages[0].received
    timed.client.is_reachable = True
    queue.work(worker)
    print(f"\n13 days: received {received} times, done {timed.time.now - over:.0f} s after their end")
    assert (queue.lost, timed.detached) == (0, 1)
    assert 13 * 24 < received < 13 * 48 + 20
    assert timed.time.now - over <= LONGEST_PUT_OFF_SECONDS


def test_a_queue_that_gave_up_would_lose_it(timed: Timed) -> None:
    queue = WorkQueue(timed.time)
    queue.dead_letters_after = 10
    queue.send(timed.withdrawn(1))
    worker = timed.container("release_withdrawals")
    worker.sqs = queue
    timed.client.is_reachable = False
    queue.work(worker)
    assert queue.lost == 1


@pytest.mark.parametrize(
    ("trouble", "status"),
    [("slow", 201), ("too slow", 503), ("slower", 503), ("unreachable", 503), ("busy", 503)],
)
def test_the_api_answers_before_the_gateway_gives_up(timed: Timed, trouble: str, status: int) -> None:
    """A checkout that replaces another, with two calls to Stripe; after trouble it is asked for again."""
    world, timeout = timed.world, template()["Resources"]["CreateCheckoutSession"]["Properties"]["Timeout"]
    for name in ("create_customer", "create_checkout_session"):
        world.functions[name] = timed.container(name)
    first = world.begun()
    match trouble:
        case "slow":
            timed.client.latency = 7.9
        case "too slow":
            timed.client.latency = 8.1
        case "slower":
            timed.client.latency = 7.9
            timed.client.after_each = lambda: setattr(timed.client, "latency", 8.1)
        case "unreachable":
            timed.client.is_reachable = False
        case "busy":
            timed.core.set_faults(FaultPlan.parse({"api": [{"effect": "rate_limit"}]}))
    began = timed.time.now
    assert world.post_checkout(locale="de").status == status
    assert 0 < timed.time.now - began <= REQUEST_SECONDS < timeout
    timed.client.after_each = lambda: None
    timed.client.latency, timed.client.is_reachable = 0.02, True
    timed.core.set_faults(FaultPlan())
    again = world.post_checkout(locale="de")
    assert again.status in {200, 201}
    assert again.body["mandate_id"] != first["mandate_id"]
    assert timed.core.find("checkout.session", first["checkout_session_id"])["status"] == "expired"


def test_events_are_applied_without_asking_stripe_anything(world: World) -> None:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    events = world.events()
    world.faults({"effect": "server_error", "status": 503})
    asked = len(world.stripe.core.requests())
    world.deliver(*events)
    assert world.process(world.queued()) == []
    assert world.get_mandate(begun["mandate_id"]).body["status"] == "active"
    assert len(world.stripe.core.requests()) == asked
    assert not hasattr(world.function("process_webhook"), "stripe")
