"""The business of a world charges its customers: what it orders, what is due, and what Stripe makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from random import Random
from typing import TYPE_CHECKING, Any

from local.stripe_simulator import PaymentPlan, RefundPlan
from local.stripe_simulator.resources import payment_intents
from local.stripe_simulator.resources import refunds as stripes_refunds
from local.stripe_simulator.resources.disputes import Open
from mandates.core.charging.calendar import day_of
from mandates.core.charging.cover import Cover, cover
from mandates.core.charging.notice import Notice
from mandates.core.clock import Instant
from mandates.core.terms import Frequency, FrequencyKind, Limits, Period, PeriodLimit, Terms
from mandates.store import charging_switch
from mandates.store.charge_items import NoticeRow
from mandates.store.notices import notice_of
from ops.terms import load as load_terms
from tests.component.world import ROOT, charge_body, notice_body, service
from tests.simulation.tasks import Task

if TYPE_CHECKING:
    from tests.simulation.world import World

PER_DAY = 2_500
ZONE = "America/New_York"
MOST_ROUNDS = 400

_DAILY = Frequency(FrequencyKind.RECURRING, Period.DAY, 1)
DAILY_LIMIT = "daily limit"
TERMS: Mapping[str, tuple[Frequency, PeriodLimit | None]] = {
    DAILY_LIMIT: (Frequency(FrequencyKind.UNSCHEDULED), PeriodLimit(PER_DAY, Period.DAY, ZONE)),
    "no period": (Frequency(FrequencyKind.UNSCHEDULED), None),
    "once a day": (_DAILY, PeriodLimit(10 * PER_DAY, Period.MONTH, ZONE)),
    "one time": (Frequency(FrequencyKind.ONE_TIME), None),
    "notice": (Frequency(FrequencyKind.UNSCHEDULED), None),
}
NOTICE_HOURS: Mapping[str, int] = {"notice": 2}
"""By the name of the terms; the others promise no notice."""
AMOUNTS = (400, 700, 1_000, 1_500)

SOFT, CUSTOMER = "payment_method_provider_decline", "payment_method_customer_decline"
OUTCOMES: Sequence[Mapping[str, Any]] = (
    {"outcome": "declined", "code": SOFT},
    {"outcome": "declined", "code": SOFT, "charge": False},
    {"outcome": "declined", "code": CUSTOMER, "charge": False},
    {"outcome": "declined", "code": SOFT, "advice_code": "do_not_try_again"},
    {"outcome": "refused", "code": "payment_method_currency_mismatch"},
    {"outcome": "refused", "code": "payment_intent_mandate_invalid"},
    {"outcome": "refused", "code": "payment_method_unexpected_state"},
    {"outcome": "refused", "code": "payment_method_unactivated"},
    {"outcome": "requires_action"},
    {"outcome": "processing", "then": "succeeded", "seconds": 7_200},
    {"outcome": "processing", "then": "failed", "seconds": 40},
    {"outcome": "processing"},
    {"outcome": "succeeded", "answer": "lost"},
    {"outcome": "succeeded", "answer": "server_error"},
    {"outcome": "declined", "code": SOFT, "answer": "lost"},
    {"outcome": "processing", "then": "succeeded", "seconds": 5, "answer": "lost"},
    {"outcome": "nothing", "answer": "lost"},
    {"outcome": "nothing", "answer": "server_error"},
)


REFUNDS: Sequence[Mapping[str, Any]] = (
    {"outcome": "succeeded", "seconds": 0},
    {"outcome": "succeeded", "seconds": 7_200},
    {"outcome": "failed", "seconds": 5, "reason": "declined"},
    {"outcome": "failed", "seconds": 5, "after_success": 60},
    {"outcome": "pending"},
    {"outcome": "pending", "requires_action": True},
    {"outcome": "refused", "code": "charge_not_refundable"},
    {"outcome": "refused", "param": "amount"},
    {"outcome": "refused", "code": "api_key_expired", "status": 403},
    {"outcome": "succeeded", "answer": "lost"},
    {"outcome": "succeeded", "answer": "server_error"},
    {"outcome": "nothing", "answer": "lost"},
    {"outcome": "nothing", "answer": "server_error"},
)
OPEN_DISPUTES = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


@cache
def agreed(name: str) -> Terms:
    """The example terms with other limits: what customers read is not what is tested here."""
    frequency, per_period = TERMS[name]
    terms = load_terms(ROOT / "terms" / "example.yaml")
    limits = Limits(currency="usd", per_charge=1_500, per_period=per_period)
    hours = NOTICE_HOURS.get(name)
    return replace(terms, frequency=frequency, limits=limits, time_zone=ZONE, notice_hours=hours)


@dataclass(frozen=True)
class Ordered:
    """A charge that the business wants: it repeats the request until it is answered."""

    mandate_id: str
    key: str
    body: tuple[tuple[str, Any], ...]


class Charging:
    """Of one world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.ordered: list[Ordered] = []

    # ------------------------------------------------------------------------------------- the business

    def new_order(self, mandate_id: str, random: Random) -> Ordered:
        """Now and then with a reference that another charge of the mandate has."""
        number = len(self.ordered)
        others = [dict(one.body)["reference"] for one in self.ordered if one.mandate_id == mandate_id]
        reference = random.choice(others) if others and random.random() < 0.1 else f"order-{number}"
        now = int(self._world.clock.now)
        announced = [notice.amount for notice in self.free_notices() if now in self._cover(notice)]
        body: dict[str, Any] = {"amount": random.choice(announced or AMOUNTS), "reference": reference}
        if random.random() < 0.3:
            ends = Instant(self._world.clock.now + random.choice([120, 5_400, 90_000]))
            body["charge_by"] = ends.text
        return self.order(mandate_id, **body)

    def order(self, mandate_id: str, key: str = "", **body: Any) -> Ordered:
        number = len(self.ordered)
        asked = charge_body(**{"amount": 1_000, "reference": f"order-{number}", **body})
        ordered = Ordered(mandate_id, key or f"key-{number}", tuple(asked.items()))
        self.ordered.append(ordered)
        return ordered

    def post(self, ordered: Ordered) -> Task:
        return self._world.api(
            "create_charge",
            "POST",
            "/mandates/{mandate_id}/charges",
            path={"mandate_id": ordered.mandate_id},
            body=dict(ordered.body),
            caller=service("charges:write"),
            headers={"Idempotency-Key": ordered.key},
            done=self._count_reasons,
            about=f"{ordered.mandate_id} {ordered.key}",
        )

    def refund(self, charge_id: str, key: str, amount: int | None = None) -> Task:
        """All that is left, without an amount."""
        return self._world.api(
            "create_refund",
            "POST",
            "/charges/{charge_id}/refunds",
            path={"charge_id": charge_id},
            body={} if amount is None else {"amount": amount},
            caller=service("refunds:write"),
            headers={"Idempotency-Key": key},
            done=self._count_reasons,
            about=f"{charge_id} {key} {amount or 'all'}",
        )

    def call_off(self, charge_id: str) -> Task:
        def done(given: Any) -> None:
            if given.status == 200 and given.body["status"] not in {"canceled", "processing"}:
                self._world.fail(f"{charge_id} was called off and is {given.body['status']}")

        return self._world.api(
            "cancel_charge",
            "POST",
            "/charges/{charge_id}/cancel",
            path={"charge_id": charge_id},
            caller=service("charges:write"),
            done=done,
            about=charge_id,
        )

    def _count_reasons(self, given: Any) -> None:
        for reason in given.body.get("reasons", ()):
            self._world.counted[f"refused: {reason}"] += 1

    def notice(self, mandate_id: str, seconds: float = 0, **body: Any) -> Task:
        """It tells the customer of a charge on the day that it will be in so many seconds."""
        day = day_of(int(self._world.clock.now + seconds), self._world.terms.zone)
        return self._world.api(
            "record_notice",
            "POST",
            "/mandates/{mandate_id}/notices",
            path={"mandate_id": mandate_id},
            body=notice_body(**{"amount": 1_000, "date": day.isoformat(), "reference": "message-0", **body}),
            caller=service("charges:write"),
            about=f"{mandate_id} {day}",
        )

    def free_notices(self) -> list[Notice]:
        items = sorted(self._world.aws.items("charges").items())
        found = [dict(item) for (_, record), item in items if record.startswith(NoticeRow.PREFIX)]
        rows = map(NoticeRow.from_raw_data, found)
        return [notice_of(row) for row in rows if not row.charge_ids]

    def is_covered(self) -> bool:
        """Whether a charge would be covered by a notice that no charge has."""
        now = int(self._world.clock.now)
        return any(now in self._cover(notice) for notice in self.free_notices())

    def _cover(self, notice: Notice) -> Cover:
        return cover(notice.day, notice.known_from, self._world.terms)

    def next_charge_from(self) -> int | None:
        """When the next notice that no charge has begins to cover one."""
        now = self._world.clock.now
        starts = [self._cover(notice).start for notice in self.free_notices()]
        return min((start for start in starts if start > now), default=None)

    # ------------------------------------------------------------------------------------- an operator

    def pause(self) -> Task:
        return self._switch("pause")

    def resume(self) -> Task:
        return self._switch("resume")

    @property
    def is_paused(self) -> bool:
        return "paused" in self._world.aws.items("charges").get(charging_switch.SWITCH, {})

    def _switch(self, turn: str) -> Task:
        now = Instant(self._world.clock.now)
        act = partial(getattr(charging_switch, turn), "ops:ann", "a look at the declines", now)
        return self._world.begin(turn, act)

    # ---------------------------------------------------------------------------------------- at Stripe

    def script(self, *payments: Mapping[str, Any]) -> None:
        """From now on, what attempts come to; without any, every attempt succeeds."""
        self._world.note(f"payments turn out as {[one['outcome'] for one in payments]}")
        self._world.stripe.set_payments(PaymentPlan.parse({"payments": list(payments)}))

    def decide(self, intent_id: str, *, succeeds: bool) -> bool:
        """An attempt that Stripe has not decided on, or that waits for the customer, gets its outcome."""
        act = payment_intents.Succeed() if succeeds else payment_intents.Fail()
        said = f"{intent_id[:12]} {'succeeds' if succeeds else 'fails'} in the end"
        return self._world.at_stripe(said, partial(self._world.stripe.act, intent_id, act))

    def cancel(self, intent_id: str) -> bool:
        """Somebody does, in the Dashboard."""
        said = f"{intent_id[:12]} is cancelled in the Dashboard"
        return self._world.at_stripe(said, partial(self._world.stripe.cancel_payment, intent_id))

    def intents(self, *statuses: str) -> list[str]:
        found = self._world.objects("payment_intent")
        return [intent["id"] for intent in found if intent["status"] in statuses]

    def script_refunds(self, *refunds: Mapping[str, Any]) -> None:
        """From now on, what refunds come to; without any, every one succeeds within a minute."""
        self._world.note(f"refunds turn out as {[one['outcome'] for one in refunds]}")
        self._world.stripe.set_refunds(RefundPlan.parse({"refunds": list(refunds)}))

    def decide_refund(self, refund_id: str, *, succeeds: bool) -> bool:
        act = stripes_refunds.Succeed() if succeeds else stripes_refunds.Fail()
        said = f"{refund_id[:12]} {'succeeds' if succeeds else 'fails'} in the end"
        return self._world.at_stripe(said, partial(self._world.stripe.act, refund_id, act))

    def refund_in_dashboard(self, intent_id: str, amount: int | None) -> bool:
        said = f"{amount or 'all'} of {intent_id[:12]} is refunded in the Dashboard"
        return self._world.at_stripe(said, partial(self._world.stripe.refund, intent_id, amount))

    def dispute(self, intent_id: str, opened: Open) -> bool:
        said = f"{intent_id[:12]} is disputed: {opened.status}"
        return self._world.at_stripe(said, partial(self._world.stripe.dispute, intent_id, opened))

    def move_dispute(self, dispute_id: str, status: Any) -> bool:
        """In a second of its own: Stripe's events say no more than the second."""
        self._world.pass_time(1.1)
        said = f"{dispute_id[:12]} is {status}"
        return self._world.at_stripe(said, partial(self._world.stripe.move_dispute, dispute_id, status))

    def undecided(self, kind: str) -> list[str]:
        """The refunds that Stripe has not decided on, or the disputes that are open."""
        open_ = {"refund": ("pending", "requires_action"), "dispute": OPEN_DISPUTES}[kind]
        return [one["id"] for one in self._world.objects(kind) if one["status"] in open_]

    def somebody_elses(self) -> bool:
        """Another system with the same Stripe account charges a payment method."""
        attached = [method for method in self._world.objects("payment_method") if method["customer"]]
        if not attached:
            return False
        method = attached[-1]
        made = self._world.stripe_api(
            "POST",
            "/v1/payment_intents",
            f"amount=500&currency=usd&customer={method['customer']}&payment_method={method['id']}"
            "&allowed_payment_method_types[0]=amazon_pay&metadata[managed_by]=another-stack&confirm=true",
        )
        self._world.note(f"somebody else charges {method['id'][:12]}: {made.get('status', 'refused')}")
        return "error" not in made

    # ------------------------------------------------------------------------------------- our scheduler

    def look_for_due(self) -> Task:
        """The schedule: what is due goes to the queue."""
        return self._world.start("queue_due_charges", {})

    def next_due(self) -> int | None:
        items = self._world.aws.items("charges")
        return min((int(item["due_at"]["N"]) for item in items.values() if "due_at" in item), default=None)

    def settle(self) -> None:
        """Time passes until every charge is final, and every refund and dispute decided; meanwhile no attempt
        fails, and nothing else happens."""
        world = self._world
        if not self.ordered:
            return
        self.script()
        self.script_refunds()
        world.finish(self.resume())
        for refund_id in self.undecided("refund"):
            self.decide_refund(refund_id, succeeds=world.random.random() < 0.5)
        for dispute_id in self.undecided("dispute"):
            ends = world.random.choice(["won", "lost"])
            # An inquiry is closed; it is never won or lost.
            if not self.move_dispute(dispute_id, ends):
                self.move_dispute(dispute_id, "warning_closed")
        world.drain()
        for intent_id in self.intents("processing", "requires_action"):
            self.decide(intent_id, succeeds=world.random.random() < 0.5)
        for _ in range(MOST_ROUNDS):
            due = self.next_due()
            if due is None:
                return
            if due > world.clock.now:
                world.pass_time(due - world.clock.now + 1)
            world.clock.now += world.aws.longest_index_lag
            world.finish(self.look_for_due())
            world.drain()
        world.fail(f"charges are due for ever: {self.next_due()}")
