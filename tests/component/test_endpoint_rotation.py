"""Rotating the webhook's signing secret while Stripe keeps sending: nothing refused, nothing lost.

Virtual time: the simulator, three containers of receive_webhook and the rotation share one clock. Events
happen and are delivered after each of the rotation's effects, and all through its pauses.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from local.stripe_simulator.sdk import DirectClient
from local.stripe_simulator.simulator import Simulator
from mandates.core.endpoint_plan import Pauses, Wanted
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.core.webhook_endpoint import WebhookEndpoint
from mandates.gateway.client import API_VERSION, Gateway
from mandates.gateway.webhook_endpoints import EndpointGone
from mandates.webhooks.endpoints import KNOWN_SECONDS, ROTATION, WebhookEndpoints
from mandates.webhooks.secret_store import WebhookSecrets
from tests.component.cloudformation import OWNER_MARK, URL
from tests.component.world import WEBHOOK_SECRET, World, answer, api_event, runs

CONTAINERS = 3


class Crash(BaseException):
    """The process ends here: not an Exception, since nothing may handle it."""


@dataclass
class Rotation:
    world: World
    every: float = 8
    """Seconds between two events."""
    forging: bool = False
    """Whether somebody posts what Stripe did not sign, so that containers keep looking for newer secrets."""
    now: float = 1_790_000_000.0
    said: list[str] = field(default_factory=list)
    delivered: dict[str, list[int]] = field(default_factory=dict)
    crash_at: tuple[int, bool] | None = None
    _effects: int = 0

    def __post_init__(self) -> None:
        self.stripe = Simulator(clock=lambda: self.now)
        self.gateway = Gateway("sk_test_placeholder", http_client=DirectClient(self.stripe))
        self.secrets = WebhookSecrets(self.world.secrets, self.world.webhook_secrets_arn)
        self.containers = [self._container() for _ in range(CONTAINERS)]
        self.endpoints().register(WANTED, "registered", {}, "request")
        self._before = {event["id"] for event in self.stripe.events()}

    def _container(self) -> Any:
        with self.world.monkeypatch.context() as starting:
            starting.setattr("time.time", lambda: self.now)
            app = self.world.fresh("receive_webhook")
        app.time = SimpleNamespace(time=lambda: self.now)
        return app

    def endpoints(self, *waits: Callable[[float], None]) -> WebhookEndpoints:
        """As one process has it, which may crash before or after its n-th effect.

        Its first pauses are those `waits`. In the others time passes.
        """
        first = iter(waits)

        def wait(seconds: float) -> None:
            next(first, self.pass_time)(seconds)

        real = self.gateway.webhook_endpoints
        at_stripe: Any = SimpleNamespace(
            list_all=real.list_all,
            create=self._may_crash(real.create),
            update=self._may_crash(real.update),
            delete=self._may_crash(real.delete),
        )
        secrets: Any = SimpleNamespace(read=self.secrets.read, change=self._may_crash(self.secrets.change))
        return WebhookEndpoints(
            at_stripe,
            secrets,
            OWNER_MARK,
            clock=lambda: self.now,
            sleep=wait,
            say=self.said.append,
        )

    def _may_crash(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def effect_or_crash(*arguments: Any, **options: Any) -> Any:
            self._effects += 1
            if self.crash_at == (self._effects, False):
                raise Crash
            result = effect(*arguments, **options)
            self.now += 1
            self.an_event_happens()
            self.deliver()
            if self.crash_at == (self._effects, True):
                raise Crash
            return result

        return effect_or_crash

    def pass_time(self, seconds: float) -> None:
        """Events happen and come in, to one container more often than to the next."""
        ends = self.now + seconds
        while self.now < ends:
            self.now = min(ends, self.now + self.every)
            self.an_event_happens()
            if self.forging:
                self.forge()
            self.deliver()

    def forge(self) -> None:
        event = api_event("POST", "/", headers={"Stripe-Signature": f"t={int(self.now)},v1=00"}, body="{}")
        statuses = [answer(container.handler(event, None)).status for container in self.containers]
        assert statuses == [400] * CONTAINERS

    def an_event_happens(self) -> None:
        customer = self.gateway.customers.create("ann", "test-stack", idempotency_key=f"key {self.now}")
        self.stripe.delete_customer(customer)

    def deliver(self) -> None:
        for attempt in self.stripe.take_due():
            number = len(self.delivered)
            container = self.containers[0 if number % 7 else 1 + (number // 7) % (CONTAINERS - 1)]
            event = api_event("POST", "/webhooks/stripe", headers=attempt.headers)
            event["body"] = attempt.body.decode()
            with runs("receive_webhook"):
                status = answer(container.handler(event, None)).status
            self.delivered.setdefault(attempt.event, []).append(status)
            self.stripe.record_answer(attempt, status)

    def at_stripe(self) -> list[WebhookEndpoint]:
        return self.gateway.webhook_endpoints.list_all()

    def signs_with(self, endpoint_id: str) -> str:
        return self.stripe.signing_secret(endpoint_id)

    def nothing_was_refused_or_lost(self) -> None:
        happened = {event["id"] for event in self.stripe.events() if event["type"] == "customer.deleted"}
        assert happened - self._before - self.delivered.keys() == set()
        assert {status for statuses in self.delivered.values() for status in statuses} == {200}

    def is_rotated_from(self, first: str) -> None:
        (second,) = self.at_stripe()
        held = self.secrets.read()
        assert second.endpoint_id != first
        assert second.event_types == set(HANDLED_TYPES)
        assert held.knows(second.endpoint_id)
        assert held.endpoint(first) is None
        assert held.secrets == (WEBHOOK_SECRET, self.signs_with(second.endpoint_id))


WANTED = Wanted(URL, API_VERSION, frozenset(HANDLED_TYPES))


@pytest.fixture
def rotation(world: World) -> Rotation:
    return Rotation(world)


@pytest.mark.parametrize("forging", [False, True])
def test_no_delivery_is_refused_and_no_event_lost(rotation: Rotation, forging: bool) -> None:
    rotation.forging = forging
    (first,) = rotation.at_stripe()
    rotation.pass_time(120)
    began = rotation.now
    rotation.endpoints().rotate()
    assert began + 655 <= rotation.now <= began + 670
    rotation.pass_time(120)
    rotation.is_rotated_from(first.endpoint_id)
    rotation.nothing_was_refused_or_lost()
    assert len(rotation.delivered) > 100
    (second,) = rotation.at_stripe()
    assert (second.url, second.api_version, second.event_types) == (
        first.url,
        first.api_version,
        first.event_types,
    )
    assert second.metadata.items() >= first.metadata.items()
    assert "1 more" in rotation.said[-1]


def test_while_there_are_two_endpoints_an_event_comes_twice_and_counts_once(rotation: Rotation) -> None:
    rotation.endpoints().rotate()
    twice = [event for event, statuses in rotation.delivered.items() if len(statuses) == 2]
    assert len(twice) >= ROTATION.overlap // rotation.every - 1
    assert len(twice) < len(rotation.delivered)
    messages = rotation.world.queued()
    assert len(messages) == len(rotation.delivered) + len(twice)
    assert rotation.world.process(messages[:50], messages[50:]) == []
    items = boto3.client("dynamodb").scan(TableName="events")["Items"]
    ids = [item["event_id"]["S"] for item in items]
    assert sorted(set(ids)) == sorted(ids)
    assert set(rotation.delivered) <= set(ids)


def test_it_goes_on_after_a_crash_anywhere(world: World) -> None:
    """Before and after each of its effects; a second run ends it, and still nothing was refused or lost."""
    crashes = 0
    for effect in range(1, 99):
        for after in (False, True):
            world.secrets.put_secret_value(
                SecretId=world.webhook_secrets_arn, SecretString=json.dumps({"secrets": [WEBHOOK_SECRET]})
            )
            rotation = Rotation(world, every=30)
            (first,) = rotation.at_stripe()
            rotation.crash_at = (rotation._effects + effect, after)
            try:
                rotation.endpoints().rotate()
            except Crash:
                crashes += 1
            else:
                assert crashes >= 2 * 6  # create, store, subscribe, remove, retire, drop
                return
            rotation.pass_time(40)
            rotation.endpoints().rotate()
            if rotation.secrets.read().endpoint(first.endpoint_id) is not None:
                pytest.fail(f"the first secret stays after a crash at {effect}, {after}")
            (second,) = rotation.at_stripe()
            assert second.endpoint_id != first.endpoint_id
            assert rotation.secrets.read().knows(second.endpoint_id)
            rotation.nothing_was_refused_or_lost()
    pytest.fail("it never ends")


def test_a_deployment_in_the_middle_leaves_the_rotation_alone(rotation: Rotation) -> None:
    (first,) = rotation.at_stripe()
    moved = Wanted("https://moved.example/hooks", API_VERSION, frozenset(HANDLED_TYPES))
    asleep = rotation.pass_time
    deployed: list[int] = []

    def deploy_while_waiting(seconds: float) -> None:
        asleep(seconds)
        rotation.endpoints().register(moved, "registered", {"n": len(deployed)}, f"r {rotation.now}")
        deployed.append(len(rotation.at_stripe()))

    rotation.endpoints(*[deploy_while_waiting] * 3).rotate()
    assert deployed == [2, 2, 1]
    rotation.is_rotated_from(first.endpoint_id)
    rotation.nothing_was_refused_or_lost()
    assert rotation.at_stripe()[0].url == moved.url


def test_a_later_deployment_does_not_undo_it(rotation: Rotation) -> None:
    rotation.endpoints().rotate()
    (second,) = rotation.at_stripe()
    before = rotation.secrets.read().secrets
    rotation.endpoints().register(WANTED, "registered", {}, "later")
    assert rotation.at_stripe() == [second]
    assert rotation.secrets.read().secrets == before
    rotation.endpoints().remove("registered")
    assert rotation.at_stripe() == []


def test_another_api_version_deployed_meanwhile_ends_the_rotation(rotation: Rotation) -> None:
    other = Wanted(URL, "2026-09-30.endive", frozenset(HANDLED_TYPES))

    def deploy(seconds: float) -> None:
        rotation.pass_time(seconds)
        rotation.endpoints().register(other, "registered", {}, "upgrade")

    rotation.endpoints(deploy).rotate()
    (only,) = rotation.at_stripe()
    assert only.api_version == other.api_version
    assert rotation.secrets.read().knows(only.endpoint_id)
    rotation.nothing_was_refused_or_lost()


@pytest.mark.parametrize("forging", [False, True])
def test_a_version_upgrade_refuses_nothing_either(rotation: Rotation, forging: bool) -> None:
    rotation.forging = forging
    rotation.pass_time(200)
    other = Wanted(URL, "2026-09-30.endive", frozenset(HANDLED_TYPES))
    rotation.endpoints().register(other, "registered", {}, "upgrade")
    rotation.pass_time(200)
    rotation.nothing_was_refused_or_lost()


def test_two_rotations_at_once_end_in_one_endpoint(rotation: Rotation) -> None:
    (first,) = rotation.at_stripe()
    two = rotation.endpoints()

    def other_goes_first(seconds: float) -> None:
        two.rotate()
        rotation.pass_time(seconds)

    rotation.endpoints(other_goes_first).rotate()
    assert len(rotation.at_stripe()) == 1
    assert rotation.secrets.read().endpoint(first.endpoint_id) is None
    rotation.nothing_was_refused_or_lost()


def test_without_the_pause_a_container_that_just_looked_refuses(rotation: Rotation) -> None:
    """What the pause is for; Stripe sends it again, so that even then nothing is lost."""
    rotation.forging = True
    rotation.pass_time(20)
    rotation.endpoints().rotate(Pauses(0, 8, 8))
    statuses = {status for answers in rotation.delivered.values() for status in answers}
    assert statuses == {200, 400}
    rotation.pass_time(300)
    assert all(200 in answers for answers in rotation.delivered.values())


def test_an_endpoint_removed_by_hand_is_said_so(rotation: Rotation) -> None:
    rotation.endpoints().remove("registered")
    with pytest.raises(ValueError, match="no webhook endpoint"):
        rotation.endpoints().rotate()


def test_an_update_of_an_endpoint_that_is_gone(rotation: Rotation) -> None:
    with pytest.raises(EndpointGone):
        rotation.gateway.webhook_endpoints.update("we_gone", {"disabled": False})


def test_the_deployments_pause_covers_the_refetch() -> None:
    assert KNOWN_SECONDS > 60
