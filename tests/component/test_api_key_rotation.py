"""Stripe's API key is rolled, at once, while we work: nothing is lost, and a 401 is nothing but a 401."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

import pytest

from local.stripe_simulator import FaultPlan, Simulator
from mandates.core.charging.error_classes import ErrorClass, error_class
from mandates.core.errors import StripeRefused, StripeUnavailable
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import KeyRefused, RequestRejected
from mandates.gateway.payment_intents import PaymentRefused
from mandates.gateway.politeness import ATTEMPT_SECONDS, REQUEST_SECONDS
from mandates.runtime.secret_values import KEPT_SECONDS, SOONEST_REFETCH_SECONDS, Secret, plain
from mandates.store.mandates import read_ledger
from tests.component.passing_time import PassingTime
from tests.component.virtual_time import TimedClient, VirtualTime
from tests.component.world import CUSTOMER, STRANGER, World, customer

OLD, NEW = "rk_test_placeholder_old", "rk_test_placeholder_new"


@dataclass
class SecretsManager:
    value: str = OLD
    fetched: int = 0
    is_down: bool = False
    really_takes: float = 0.0

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.fetched += 1
        time.sleep(self.really_takes)
        if self.is_down:
            raise ConnectionError("out of reach")
        return {"SecretString": self.value}


@dataclass
class Account:
    time: VirtualTime = field(default_factory=VirtualTime)
    secrets: SecretsManager = field(default_factory=SecretsManager)
    meanwhile: Callable[[], None] = lambda: None
    """Happens in every pause between two attempts."""

    def __post_init__(self) -> None:
        self.core = Simulator(clock=self.time, random=Random(1))
        self.client = TimedClient(self.core, self.time)
        self.gateway = Gateway(
            Secret(self.secrets, "arn:example", plain, self.time),
            http_client=self.client,
            clock=self.time,
            sleep=self._pause,
            chance=Random(7).random,
        )

    def _pause(self, seconds: float) -> None:
        self.time.sleep(seconds)
        self.meanwhile()

    def roll(self, *, known: bool = True) -> None:
        """A new key, and the old one expires now; the secret has the new one already if it is `known`."""
        if known:
            self.secrets.value = NEW
        self.core.expire_api_key(OLD)

    def create(self, customer_id: str = "ann") -> str:
        return self.gateway.customers.create(customer_id, "test-stack", idempotency_key=f"key/{customer_id}")

    @property
    def statuses(self) -> list[int]:
        return [line.status for line in self.core.requests()]


@pytest.fixture
def account() -> Account:
    return Account()


# ------------------------------------------------------------------------------------ the new key


def test_a_call_with_an_expired_key_is_made_again_with_the_new_one(account: Account) -> None:
    account.create()
    account.roll()
    created = account.create("bob")
    assert account.client.keys == [OLD, OLD, NEW]
    assert account.statuses == [200, 401, 200]
    refused, repeated = account.core.requests()[1:]
    assert refused.idempotency_key == repeated.idempotency_key == "key/bob"
    account.gateway.customers.check_exists(created)
    assert account.client.keys[3:] == [NEW]
    assert account.secrets.fetched == 2


def test_a_key_fetched_a_second_ago_is_looked_for_again_too(account: Account) -> None:
    account.create()
    account.time.sleep(1)
    account.roll()
    assert account.create("bob")


def test_a_key_that_is_not_rolled_at_once_is_replaced_within_five_minutes_unnoticed(account: Account) -> None:
    account.create()
    account.secrets.value = NEW
    account.time.sleep(KEPT_SECONDS)
    account.create("bob")
    assert account.client.keys == [OLD, NEW]
    assert account.statuses == [200, 200]


def test_a_key_that_expires_between_two_attempts_is_replaced(account: Account) -> None:
    account.create()
    account.core.set_faults(FaultPlan.parse({"api": [{"effect": "rate_limit", "times": 1}]}))
    account.meanwhile = account.roll
    assert account.create("bob")
    assert account.statuses == [200, 429, 401, 200]


# ---------------------------------------------------------------------------------- no new key yet


def test_a_refused_key_without_a_successor_is_said_to_be_that_and_looked_for_once_a_minute(
    account: Account,
) -> None:
    account.create()
    account.roll(known=False)
    for _ in range(180):
        with pytest.raises(KeyRefused) as refused:
            account.create("bob")
        account.time.sleep(1 - account.client.latency)
    assert refused.value.extra["stripe_code"] == "api_key_expired"
    assert account.secrets.fetched == 1 + 180 // SOONEST_REFETCH_SECONDS
    account.secrets.value = NEW
    account.time.sleep(SOONEST_REFETCH_SECONDS)
    assert account.create("bob")
    assert len(account.core.requests()) == 1 + 180 + 2


def test_the_key_survives_secrets_manager_being_down_and_is_found_after_that(account: Account) -> None:
    account.create()
    account.secrets.is_down = True
    account.roll()
    with pytest.raises(KeyRefused):
        account.create("bob")
    account.secrets.is_down = False
    account.time.sleep(SOONEST_REFETCH_SECONDS)
    assert account.create("bob")


def test_no_key_is_fetched_that_could_not_be_used_in_time(account: Account) -> None:
    account.create()
    account.roll()
    account.client.latency = 5
    account.gateway.begin(ATTEMPT_SECONDS + 4)
    with pytest.raises(KeyRefused):
        account.create("bob")
    assert account.secrets.fetched == 1


# ------------------------------------------------------------------------------ nothing but a 401

CALLS: Mapping[str, Callable[[Gateway], object]] = {
    "balance.of_payout": lambda gateway: gateway.balance.of_payout("po_x"),
    "balance.of_source": lambda gateway: gateway.balance.of_source("py_x"),
    "balance.page": lambda gateway: gateway.balance.page(0, 1),
    "checkout_sessions.create": lambda gateway: gateway.checkout_sessions.create(
        {"mode": "setup"}, idempotency_key="k"
    ),
    "checkout_sessions.expire": lambda gateway: gateway.checkout_sessions.expire("cs_x"),
    "checkout_sessions.retrieve": lambda gateway: gateway.checkout_sessions.retrieve("cs_x"),
    "customers.check_exists": lambda gateway: gateway.customers.check_exists("cus_x"),
    "customers.create": lambda gateway: gateway.customers.create("x", "test-stack", idempotency_key="k"),
    "customers.find": lambda gateway: gateway.customers.find("x", "test-stack"),
    "customers.is_deleted": lambda gateway: gateway.customers.is_deleted("cus_x"),
    "customers.update": lambda gateway: gateway.customers.update("cus_x", {"email": "x@shop.example"}),
    "disputes.of_intent": lambda gateway: gateway.disputes.of_intent("pi_x"),
    "events.list_page": lambda gateway: gateway.events.list_page([], created_from=0, created_before=1),
    "events.retrieve": lambda gateway: gateway.events.retrieve("evt_x"),
    "mandates.retrieve": lambda gateway: gateway.mandates.retrieve("mandate_x"),
    "payment_intents.cancel": lambda gateway: gateway.payment_intents.cancel("pi_x", reason="abandoned"),
    "payment_intents.confirm": lambda gateway: gateway.payment_intents.confirm(
        "pi_x", {}, idempotency_key="k"
    ),
    "payment_intents.create": lambda gateway: gateway.payment_intents.create({}, idempotency_key="k"),
    "payment_intents.look": lambda gateway: gateway.payment_intents.look("pi_x"),
    "payment_intents.page": lambda gateway: gateway.payment_intents.page(0, 1),
    "payment_intents.retrieve": lambda gateway: gateway.payment_intents.retrieve("pi_x"),
    "payment_methods.detach": lambda gateway: gateway.payment_methods.detach("pm_x"),
    "payment_methods.retrieve": lambda gateway: gateway.payment_methods.retrieve("pm_x"),
    "payouts.page": lambda gateway: gateway.payouts.page(0, 1),
    "refunds.create": lambda gateway: gateway.refunds.create({}, idempotency_key="k"),
    "refunds.of_intent": lambda gateway: gateway.refunds.of_intent("pi_x"),
    "refunds.retrieve": lambda gateway: gateway.refunds.retrieve("re_x"),
    "webhook_endpoints.create": lambda gateway: gateway.webhook_endpoints.create(
        {"url": "https://shop.example", "enabled_events": ["*"]}, idempotency_key="k"
    ),
    "webhook_endpoints.delete": lambda gateway: gateway.webhook_endpoints.delete("we_x"),
    "webhook_endpoints.list_all": lambda gateway: gateway.webhook_endpoints.list_all(),
    "webhook_endpoints.update": lambda gateway: gateway.webhook_endpoints.update("we_x", {"disabled": True}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_no_call_takes_it_for_anything_else(account: Account, call: Callable[[Gateway], object]) -> None:
    account.roll(known=False)
    with pytest.raises((KeyRefused, PaymentRefused)) as refused:
        call(account.gateway)
    assert not isinstance(refused.value, RequestRejected)
    if isinstance(refused.value, PaymentRefused):  # an attempt ended, and nothing about the payment is wrong
        assert error_class(**refused.value.error.said) is ErrorClass.OURS_TO_MEND
    assert isinstance(refused.value, StripeRefused)
    assert account.statuses == [401]


def public_methods(of: type) -> set[str]:
    return {name for name, value in vars(of).items() if callable(value) and not name.startswith("_")}


def test_every_call_the_gateway_has_is_tried(account: Account) -> None:
    loaded_on_demand = {name for name, one in vars(Gateway).items() if isinstance(one, cached_property)}
    names = loaded_on_demand | {name for name in vars(account.gateway) if not name.startswith("_")}
    resources = {name: getattr(account.gateway, name) for name in names}
    calls = {f"{name}.{call}" for name, one in resources.items() for call in public_methods(type(one))}
    assert calls == CALLS.keys(), "what is new goes into CALLS"
    assert public_methods(Gateway) == {"begin"}, "a call belongs to one of Stripe's resources"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_no_other_refusal_has_a_key_fetched(account: Account, status: int) -> None:
    account.create()

    def answers(
        method: str, url: str, headers: Any, post_data: Any = None
    ) -> tuple[str, int, dict[str, str]]:
        return '{"error": {"message": "Invalid API Key provided", "code": "api_key_expired"}}', status, {}

    account.client.request = answers  # type: ignore[method-assign,assignment]
    with pytest.raises(Exception) as refused:  # noqa: PT011 - whichever: not this one
        account.create("bob")
    assert not isinstance(refused.value, KeyRefused)
    assert account.secrets.fetched == 1


# -------------------------------------------------------------------------------------- many at once


def test_many_that_are_refused_at_once_have_it_fetched_once_and_all_go_on(account: Account) -> None:
    account.create()
    account.roll()
    account.secrets.really_takes = 0.02  # so that all others come in the meantime
    at_once = 16
    barrier = threading.Barrier(at_once)
    request = account.client.request

    def all_refused_together(method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        answer = request(method, url, headers, post_data)
        if answer[1] == 401:
            barrier.wait(10)
        return answer

    account.client.request = all_refused_together  # type: ignore[method-assign,assignment]
    with ThreadPoolExecutor(at_once) as pool:
        made = set(pool.map(account.create, [f"customer-{number}" for number in range(at_once)]))
    assert len(made) == at_once
    assert account.secrets.fetched == 2
    assert sorted(account.statuses) == [200] * (1 + at_once) + [401] * at_once


# ------------------------------------------------------------------------------ in the functions


def roll(world: World, *, known: bool = True) -> None:
    if known:
        world.secrets.put_secret_value(SecretId=world.api_key_arn, SecretString=NEW)
    world.stripe.core.expire_api_key("sk_test_placeholder")


def test_a_request_to_the_api_notices_nothing(world: World) -> None:
    assert world.put_customer().status == 201
    roll(world)
    assert world.put_customer(STRANGER).status == 201
    assert [line.status for line in world.stripe.core.requests()] == [200, 401, 200]


def test_a_checkout_begun_without_a_valid_key_is_gone_on_with_and_not_given_up(world: World) -> None:
    passing = PassingTime(world.monkeypatch)
    world.put_customer()
    world.function("create_checkout_session")  # with the key of before
    roll(world, known=False)
    refused = world.post_checkout()
    assert (refused.status, refused.body["code"]) == (502, "stripe_refused")
    assert "placeholder" not in str(refused.body)
    roll(world)
    passing.pass_seconds(SOONEST_REFETCH_SECONDS)
    opened = world.post_checkout()
    assert opened.status == 200
    kinds = [kind for entry in read_ledger(opened.body["mandate_id"]) for kind in entry.kinds]
    assert kinds == ["consent_accepted", "session_created"]
    listed = world.call(
        "read_mandates",
        "/customers/{customer_id}/mandates",
        path={"customer_id": CUSTOMER},
        caller=customer(),
    )
    assert len(listed.body["mandates"]) == 1


def test_a_withdrawal_waits_for_a_valid_key(world: World) -> None:
    passing = PassingTime(world.monkeypatch)
    begun = world.begun()
    world.revoke(begun["mandate_id"])
    world.function("release_withdrawals")  # with the key of before
    roll(world, known=False)
    assert world.release(begun["mandate_id"]) == ["message-0"]
    roll(world)
    passing.pass_seconds(SOONEST_REFETCH_SECONDS)
    assert world.release(begun["mandate_id"]) == []
    session = world.stripe.core.find("checkout.session", begun["checkout_session_id"])
    assert session["status"] == "expired"


# ------------------------------------------------------------------------------- a slow Secrets Manager


@dataclass
class SlowKey:
    """A key that takes as long to be had as Secrets Manager may take at worst, in virtual time."""

    account: Account
    seconds: float = 12
    key: str = OLD

    def get(self) -> str:
        self.account.time.sleep(self.seconds)
        return self.key

    def newer_than(self, refused: str) -> str | None:
        self.account.time.sleep(12)
        return NEW


def slow(account: Account, key: SlowKey) -> Gateway:
    account.client.latency = 7.0
    gateway = Gateway(key, http_client=account.client, clock=account.time, sleep=account.time.sleep)
    gateway.begin(REQUEST_SECONDS)
    return gateway


def test_no_call_begins_that_could_not_end_in_time_because_its_key_came_late(account: Account) -> None:
    began = account.time.now
    with pytest.raises(StripeUnavailable):
        slow(account, SlowKey(account)).customers.create("ann", "test-stack", idempotency_key="key/ann")
    assert account.time.now - began <= REQUEST_SECONDS
    assert account.client.keys == []


def test_nor_because_a_newer_key_came_late(account: Account) -> None:
    account.roll()
    began = account.time.now
    with pytest.raises(StripeUnavailable):
        slow(account, SlowKey(account, seconds=0)).customers.create(
            "ann", "test-stack", idempotency_key="key/ann"
        )
    assert account.time.now - began <= REQUEST_SECONDS - ATTEMPT_SECONDS + 12
    assert account.client.keys == [OLD]
