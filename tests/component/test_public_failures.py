"""What went wrong elsewhere, in public, and must not here: a test for each thread that the design names.

The real functions charge at the simulator over HTTP. What was read of each thread is in its test's docstring.
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import batched, count
from typing import Any

import pytest

from local.stripe_simulator import PaymentPlan
from local.stripe_simulator.resource import Action
from local.stripe_simulator.resources.payment_intents import Fail, Succeed
from mandates.core.clock import Instant, rfc3339
from mandates.core.terms import Frequency, Limits, Period, PeriodLimit, Terms
from mandates.gateway.payment_intents import StripePaymentIntents
from mandates.store.published_terms import publish_terms
from tests.component.passing_time import PassingTime
from tests.component.test_evidence import fetch_pdf, streams
from tests.component.world import Answer, World, service, sqs_event
from tests.unit.charging import MONTHLY, UNSCHEDULED, WEEKLY, utc

HOUR = 3_600
DAY = 24 * HOUR
NEW_YORK = "America/New_York"
CONFIRM = "/confirm"

Json = dict[str, Any]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> PassingTime:
    return PassingTime(monkeypatch)


class Shop:
    """A business with one customer who agreed to its terms, and what it and Stripe see of the charges."""

    def __init__(self, world: World, frequency: Frequency = UNSCHEDULED, **limits: Any) -> None:
        self.world = world
        self._keys = count(1)
        self._queue: list[str] = []
        self.terms = _terms(world.terms, frequency, limits)
        world.terms = self.terms
        publish_terms(self.terms, Instant(time.time()))
        opened = world.begun()
        self.mandate_id = str(opened["mandate_id"])
        world.stripe.core.authorize(opened["checkout_session_id"])
        world.run_webhooks()
        mandate = world.get_mandate(self.mandate_id).body
        assert mandate["status"] == "active"
        self.payment_method_id = str(mandate["payment_method_id"])

    # ------------------------------------------------------------------------------- what it does

    def charge(self, key: str | None = None, **changes: Any) -> Answer:
        """With a key and a reference of its own, unless they are given."""
        key = key or f"key-{next(self._keys)}"
        body = {"amount": 1_299, "currency": self.terms.limits.currency, "reference": key, **changes}
        return self.world.charge(self.mandate_id, key, **body)

    def charged(self, key: str | None = None, **changes: Any) -> str:
        """The id of a charge that was accepted, whatever became of it since."""
        made = self.charge(key, **changes)
        assert made.status == 201, made
        return str(made.body["charge_id"])

    def sees(self, charge_id: str) -> Json:
        shown: Json = self.world.get_charge(charge_id).body
        return shown

    def status(self, charge_id: str) -> str:
        return str(self.sees(charge_id)["status"])

    # ------------------------------------------------------------------------ what happens meanwhile

    def payments(self, *outcomes: Mapping[str, Any]) -> None:
        """How Stripe's payments turn out from now on (local/stripe_simulator/payments.py)."""
        self.world.stripe.core.set_payments(PaymentPlan.parse({"payments": list(outcomes)}))

    def sweep(self) -> None:
        """What is due is queued and advanced, as the schedule and the queue do it."""
        self.world.invoke("queue_due_charges", {})
        self._queue += self.world.waiting(self.world.charge_queue_url)
        batches, self._queue = list(batched(self._queue, 10, strict=False)), []
        for batch in batches:
            answer = self.world.invoke("advance_charges", sqs_event(batch))
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            self._queue += [body for number, body in enumerate(batch) if f"message-{number}" in failed]

    def decide(self, charge_id: str, outcome: Action) -> None:
        """Amazon decides on a payment that was processing."""
        self.world.stripe.core.act(self.sees(charge_id)["payment_intent_id"], outcome)

    # ------------------------------------------------------------------------------- what Stripe has

    def intents(self) -> list[Json]:
        listed = self.world.stripe_client().v1.payment_intents.list({"limit": 100}).to_dict()["data"]
        return [dict(intent) for intent in listed]

    def taken(self) -> list[int]:
        """The amounts that Stripe took, in minor units."""
        charges = self.world.stripe_client().v1.charges.list({"limit": 100}).to_dict()["data"]
        return [charge["amount"] for charge in charges if charge["status"] == "succeeded"]

    def confirms(self) -> list[Any]:
        return [line for line in self.world.stripe.core.requests() if line.path.endswith(CONFIRM)]


def _terms(published: Terms, frequency: Frequency, limits: Mapping[str, Any]) -> Terms:
    whole = {"currency": "usd", "per_charge": 30_000, **limits}
    zone = whole.pop("time_zone", NEW_YORK)
    return replace(
        published, version="their-own", frequency=frequency, limits=Limits(**whole), time_zone=zone
    )


# ------------------------------------------------------------------------------- what nobody answered


def test_confirmed_but_unanswered_and_unreadable_is_no_second_charge(world: World, at: PassingTime) -> None:
    """woocommerce-gateway-stripe#3444: a payment was confirmed, then a read timed out. The order was taken
    for unpaid, and paid again."""
    shop = Shop(world)
    world.faults(
        {"effect": "timeout_after_effect", "endpoint": "POST /v1/payment_intents/:id/confirm"},
        {"effect": "timeout_before_effect", "method": "GET", "path": "/v1/payment_intents"},
    )
    charge_id = shop.charged("once")
    at.pass_seconds(121)
    shop.sweep()
    assert shop.status(charge_id) == "pending"
    again = shop.charge("once")
    assert (again.status, again.body["charge_id"]) == (200, charge_id)
    world.faults()
    at.pass_seconds(600)
    shop.sweep()
    assert shop.status(charge_id) == "succeeded"
    assert (len(shop.intents()), shop.taken()) == (1, [1_299])


class Killed(BaseException):
    """As if the function's machine had failed."""


@contextmanager
def after_a_confirm(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> Iterator[None]:
    """Between Stripe's answer and whatever we do with it."""
    confirm = StripePaymentIntents.confirm

    def confirm_and(*arguments: Any, **options: Any) -> Any:
        answer = confirm(*arguments, **options)
        happens()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(StripePaymentIntents, "confirm", confirm_and)
        yield


def test_killed_after_the_confirm_the_caller_finds_the_same_intent(
    world: World, at: PassingTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """woocommerce-gateway-stripe#3725: the process died after the confirm. The caller tried again, and a
    second intent took the money again."""
    shop = Shop(world)

    def kill() -> None:
        raise Killed

    with after_a_confirm(monkeypatch, kill), pytest.raises(Killed):
        shop.charge("once")
    again = shop.charge("once")
    assert again.status == 200
    at.pass_seconds(121)
    shop.sweep()
    (intent,) = shop.intents()
    shown = shop.sees(again.body["charge_id"])
    assert (shown["status"], shown["payment_intent_id"]) == ("succeeded", intent["id"])
    assert shop.taken() == [1_299]


def test_a_500_that_stripe_repeats_is_not_the_end(world: World, at: PassingTime) -> None:
    """woocommerce-gateway-stripe#5899: Stripe keeps a 500 under its idempotency key and repeats it. Every
    retry under the key failed, for as long as the key lived."""
    shop = Shop(world)
    world.faults(
        {"effect": "server_error", "status": 500, "endpoint": "POST /v1/payment_intents", "times": 1}
    )
    shop.payments({"outcome": "nothing", "answer": "server_error", "times": 1})
    charge_id = shop.charged()
    for _ in range(6):
        at.pass_seconds(10 * 60)
        shop.sweep()
    assert shop.status(charge_id) == "succeeded"
    assert shop.taken() == [1_299]
    assert len({line.idempotency_key for line in shop.confirms()}) == 2


def test_a_write_conflict_after_stripes_answer_sends_nothing_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """odoo/odoo#101243: the transaction that was to record the payment met a write conflict and was run
    again as a whole, with the call to Stripe in it."""
    shop = Shop(world)
    with after_a_confirm(
        monkeypatch, world.run_webhooks
    ):  # the event is recorded first, the answer conflicts
        charge_id = shop.charged()
    assert shop.status(charge_id) == "succeeded"
    assert (len(shop.confirms()), shop.taken()) == (1, [1_299])


# ------------------------------------------------------------------------------------ what is asked twice


def test_a_slow_success_under_a_fresh_key_is_refused_by_its_reference(world: World) -> None:
    """akash-network/console#3449: a slow payment was taken for a failed one and asked for again under a new
    idempotency key. Both succeeded."""
    shop = Shop(world)
    shop.payments({"outcome": "processing", "times": 1})
    slow = shop.charged("first", reference="invoice 7")
    refused = shop.charge("second", reference="invoice 7")
    assert (refused.status, refused.body["reasons"]) == (409, ["in_progress"])
    assert refused.body["charge_id"] == slow
    shop.decide(slow, Succeed())
    world.run_webhooks()
    assert shop.status(slow) == "succeeded"
    refused = shop.charge("third", reference="invoice 7")
    assert (refused.body["reasons"], refused.body["charge_id"]) == (["already_charged"], slow)
    assert shop.taken() == [1_299]


def test_declined_attempts_are_capped(world: World, at: PassingTime) -> None:
    """akash-network/console#3756: a loop made 486 declined attempts in 4.5 hours, for one customer."""
    at.be_at(utc("2027-01-12T15:00"))
    shop = Shop(world)
    shop.payments({"outcome": "declined"})
    answers = []
    for _ in range(9):  # 4.5 hours
        answers += [shop.charge() for _ in range(2)]
        at.pass_seconds(30 * 60)
        shop.sweep()
    refused = [answer.body for answer in answers if answer.status == 409]
    assert len(shop.confirms()) == 10
    assert refused
    assert {tuple(body["reasons"]) for body in refused} == {("too_many_attempts",)}
    assert {body["earliest"] for body in refused} == {"2027-01-13T05:00:00Z"}  # New York's midnight
    assert shop.taken() == []


def test_parallel_charges_hold_one_cap(world: World) -> None:
    """weave-os/router#793: requests checked the cap side by side, and each saw room for itself."""
    shop = Shop(world, per_period=PeriodLimit(10_000, Period.MONTH, NEW_YORK))

    def ends(number: int) -> str:
        """The client repeats what it was told to repeat."""
        while (answer := shop.charge(f"parallel-{number}", amount=1_400)).status in {429, 503}:
            pass
        return f"{answer.status} {answer.body.get('reasons', '')}"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(ends, range(24)))
    assert outcomes == {"201 ": 7, "409 ['above_period_limit']": 17}
    assert shop.taken() == [1_400] * 7


# ------------------------------------------------------------------------------------------ what is held


def test_a_reservation_lives_until_its_intent_cannot_take_money(world: World, at: PassingTime) -> None:
    """theopenco/llmgateway#2646: a reservation lapsed by its own clock while the payment was still under way,
    and the room was given to another one."""
    shop = Shop(world, per_period=PeriodLimit(2_000, Period.YEAR, NEW_YORK))
    at.be_at(utc("2027-01-12T15:00"))
    shop.payments({"outcome": "processing", "times": 1})
    slow = shop.charged(charge_by=rfc3339(int(time.time()) + DAY))
    for _ in range(7):
        at.pass_seconds(DAY)
        shop.sweep()
        assert shop.status(slow) == "processing"  # it is ending, and Stripe does not cancel it
        assert shop.charge().body["reasons"] == ["above_period_limit"]
    shop.decide(slow, Fail())
    at.pass_seconds(6 * HOUR + 60)
    shop.sweep()
    assert (shop.status(slow), shop.sees(slow)["end_reason"]) == ("failed", "overdue")
    assert [intent["status"] for intent in shop.intents()] == ["canceled"]
    assert shop.status(shop.charged()) == "succeeded"


def test_a_failure_of_a_processing_payment_is_found(world: World, at: PassingTime) -> None:
    """getlago/lago-api#3042: Stripe's `requires_payment_method` was read as processing, for ever."""
    shop = Shop(world)
    shop.payments({"outcome": "processing", "then": "failed", "seconds": 30, "times": 1})
    charge_id = shop.charged()
    assert shop.status(charge_id) == "processing"
    at.pass_seconds(121)  # and no webhook comes
    shop.sweep()
    assert [intent["status"] for intent in shop.intents()] == ["requires_payment_method"]
    shown = shop.sees(charge_id)
    assert (shown["status"], shown["failure"]["class"]) == ("retrying", "soft")


def test_a_failure_that_only_a_look_found_is_retried(world: World, at: PassingTime) -> None:
    """killbill/killbill#1832: a pending payment failed. The job that looks after pending payments recorded
    the failure, and scheduled no retry."""
    shop = Shop(world)
    shop.payments({"outcome": "processing", "then": "failed", "seconds": 30, "times": 1})
    begun_at = int(time.time())
    charge_id = shop.charged()
    at.pass_seconds(121)  # and no webhook comes
    shop.sweep()
    retry = shop.sees(charge_id)["will_retry_at"]
    assert 0 <= utc(retry.removesuffix("Z")) - begun_at - DAY < 60
    at.be_at(utc(retry.removesuffix("Z")) + 60)
    shop.sweep()
    assert shop.status(charge_id) == "succeeded"
    world.run_webhooks()  # now the failure is told as well
    assert (shop.status(charge_id), len(shop.confirms()), shop.taken()) == ("succeeded", 2, [1_299])


def test_a_late_failure_of_an_earlier_attempt_changes_nothing(world: World, at: PassingTime) -> None:
    """polarsource/polar#14274, and #6652: the report of a failed payment came when the order was being paid
    by a later one, or was paid already. It was taken for the order's."""
    shop = Shop(world)
    shop.payments({"outcome": "declined", "times": 1}, {"outcome": "processing", "times": 1})
    charge_id = shop.charged()
    assert shop.status(charge_id) == "retrying"
    at.pass_seconds(DAY + 60)
    shop.sweep()
    (failed,) = world.events("payment_intent.payment_failed")
    for status in ("processing", "succeeded"):
        assert shop.status(charge_id) == status
        world.deliver({**failed, "id": f"evt_late_{status}"})
        assert world.process(world.queued()) == []
        assert (shop.status(charge_id), shop.sees(charge_id)["will_retry_at"]) == (status, None)
        if status == "processing":
            shop.decide(charge_id, Succeed())
            world.run_webhooks()
    assert (len(shop.confirms()), shop.taken()) == (2, [1_299])


# ------------------------------------------------------------------------------------------- renewals


def test_every_attempt_names_its_payment_method(world: World, at: PassingTime) -> None:
    """woocommerce-gateway-stripe#3938: a renewal was confirmed without a payment method. A decline takes it
    off the intent, so a retry has to name it again."""
    at.be_at(utc("2027-01-12T15:00"))
    shop = Shop(world, WEEKLY)
    shop.payments({"outcome": "declined", "times": 1})
    for _ in range(3):
        charge_id = shop.charged()
        at.pass_seconds(DAY + 60)
        shop.sweep()
        assert shop.status(charge_id) == "succeeded"
        at.pass_seconds(6 * DAY)
    assert len(shop.confirms()) == 4
    assert {line.params["payment_method"] for line in shop.confirms()} == {shop.payment_method_id}


@pytest.mark.parametrize(("day", "hours"), [("2027-03-14T05:00", 23), ("2027-11-07T04:00", 25)])
def test_the_day_of_a_clock_change_has_one_charge(
    world: World, at: PassingTime, day: str, hours: int
) -> None:
    """killbill/killbill#743: on the day of a clock change a subscription was billed twice, or not at all."""
    at.be_at(utc(day) - 2 * DAY)
    shop = Shop(world, Frequency(MONTHLY.kind, Period.DAY, 1), time_zone=NEW_YORK)
    for hour in (-1, *range(hours), hours):
        at.be_at(utc(day) + hour * HOUR)
        shop.charge()
    assert shop.taken() == [1_299] * 3  # of the day before, of this one, and of the next


def test_the_31st_stays_the_31st_after_february(world: World, at: PassingTime) -> None:
    """FinSight-AI#1350: a subscription of the 31st was billed on 28 February, and on the 28th ever after."""
    at.be_at(utc("2027-01-31T17:00"))
    shop = Shop(world, MONTHLY, time_zone=NEW_YORK)
    assert shop.status(shop.charged()) == "succeeded"
    due = []
    for _ in range(5):
        refused = shop.charge()
        assert refused.body["reasons"] == ["too_frequent"]
        due.append(refused.body["earliest"])
        at.be_at(utc(due[-1].removesuffix("Z")))
        assert shop.status(shop.charged()) == "succeeded"
    assert due == [
        "2027-02-28T05:00:00Z",
        "2027-03-31T04:00:00Z",
        "2027-04-30T04:00:00Z",
        "2027-05-31T04:00:00Z",
        "2027-06-30T04:00:00Z",
    ]


def test_yen_are_never_multiplied_by_a_hundred(world: World) -> None:
    """Paymenter#1258: amounts in yen were sent, or shown, a hundred times too high."""
    a_month = PeriodLimit(8_000, Period.MONTH, "Asia/Tokyo")
    shop = Shop(world, currency="jpy", per_charge=1_299, per_period=a_month)
    charge_id = shop.charged(amount=1_299)
    reader = service("mandates:read", "evidence:read")
    told = {
        "the charge": shop.sees(charge_id),
        "the charges": world.list_charges(shop.mandate_id).body,
        "a refusal": shop.charge(amount=1_300).body,
        "a check": world.check_charge(shop.mandate_id, amount=1_299, currency="jpy").body,
        "the terms": world.call("read_terms", "/terms/{version}", path={"version": shop.terms.version}).body,
        "the mandate": world.get_mandate(shop.mandate_id, reader).body,
        "Stripe": [dict(line.params) for line in world.stripe.core.requests()],
        "the PDF": [stream.decode("latin-1") for stream in streams(_pdf(world, shop.mandate_id))],
    }
    assert shop.taken() == [1_299]
    assert shop.sees(charge_id)["amount"] == 1_299
    assert told["a refusal"]["left"] == 8_000 - 1_299
    for place, said in told.items():
        text = json.dumps(said)
        assert "129900" not in text, place
        assert "800000" not in text, place
    assert '"amount":1299' in json.dumps(told["the charge"], separators=(",", ":"))


def _pdf(world: World, mandate_id: str) -> bytes:
    return base64.b64decode(fetch_pdf(world, mandate_id)["body"])
