"""A Hypothesis state machine over the same world: it chooses what happens next, and makes a failure short."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.simulation.charging import OUTCOMES
from tests.simulation.tasks import Fault
from tests.simulation.world import CUSTOMERS, MOST_UNDER_WAY, URLS, World

customers = st.sampled_from(CUSTOMERS)
picks = st.integers(min_value=0, max_value=1_000)
faults = st.none() | st.none() | st.sampled_from(Fault)
HOUR = 3600


class Mandates(RuleBasedStateMachine):
    world: World

    @initialize(seed=st.integers(min_value=0, max_value=100), active=st.booleans())
    def begin(self, seed: int, active: bool) -> None:
        self.world = World(seed)
        begins = self.world.activate if active else self._customer_with_session
        self._within(partial(begins, CUSTOMERS[0]))

    def _customer_with_session(self, customer_id: str) -> None:
        self.world.finish(self.world.put_customer(customer_id))
        self.world.finish(self.world.post_checkout(customer_id))

    def _within(self, act: Any) -> None:
        with self.world.entered():
            self.world.steps += 1
            act()

    def _has_room(self) -> bool:
        return len(self.world.tasks.under_way) < MOST_UNDER_WAY

    @precondition(_has_room)
    @rule(customer_id=customers)
    def put_customer(self, customer_id: str) -> None:
        self._within(partial(self.world.put_customer, customer_id))

    @precondition(_has_room)
    @rule(customer_id=customers, url=st.sampled_from(URLS))
    def post_checkout(self, customer_id: str, url: str) -> None:
        self._within(partial(self.world.post_checkout, customer_id, url))

    @precondition(_has_room)
    @rule(pick=picks)
    def return_page(self, pick: int) -> None:
        handed = self.world.handed[pick % len(self.world.handed)]
        self._within(partial(self.world.return_page, handed))

    @precondition(_has_room)
    @rule(pick=picks, customer_id=customers, wrong=st.booleans())
    def come_back(self, pick: int, customer_id: str, wrong: bool) -> None:
        handed = self.world.handed[pick % len(self.world.handed)]
        self._within(partial(self.world.come_back, handed, customer_id, wrong=wrong))

    @precondition(_has_room)
    @rule(pick=picks)
    def revoke(self, pick: int) -> None:
        handed = self.world.handed[pick % len(self.world.handed)]
        self._within(partial(self.world.revoke, handed.customer_id, handed.mandate_id))

    @precondition(_has_room)
    @rule(pick=picks, amount=st.sampled_from([700, 1_500]), again=st.booleans())
    def charge(self, pick: int, amount: int, again: bool) -> None:
        charging = self.world.charging
        handed = self.world.handed[pick % len(self.world.handed)]
        order = charging.ordered[-1] if again and charging.ordered else None
        order = order or charging.order(handed.mandate_id, amount=amount)
        self._within(partial(charging.post, order))

    @rule(outcome=st.sampled_from([*OUTCOMES, None]), times=st.sampled_from([1, 3]))
    def payments_turn_out(self, outcome: Mapping[str, Any] | None, times: int) -> None:
        script = [{**outcome, "times": times}] if outcome else []
        self._within(partial(self.world.charging.script, *script))

    @rule(pick=picks, how=st.sampled_from(["succeeds", "fails", "cancelled"]))
    def payment(self, pick: int, how: str) -> None:
        charging = self.world.charging
        if not (found := charging.intents("processing", "requires_action", "requires_payment_method")):
            return
        intent_id = found[pick % len(found)]
        if how == "cancelled":
            self._within(partial(charging.cancel, intent_id))
        else:
            self._within(partial(charging.decide, intent_id, succeeds=how == "succeeds"))

    @precondition(_has_room)
    @rule()
    def turn_the_switch(self) -> None:
        charging = self.world.charging
        self._within(charging.resume if charging.is_paused else charging.pause)

    @precondition(_has_room)
    @rule()
    def look_for_due(self) -> None:
        self._within(self.world.charging.look_for_due)

    @precondition(_has_room)
    @rule(again=st.booleans())
    def poll_charges(self, again: bool) -> None:
        self._within(partial(self.world.poll_charges, again=again))

    @precondition(_has_room)
    @rule(customer_id=customers)
    def erase(self, customer_id: str) -> None:
        self._within(partial(self.world.erase, customer_id))

    @rule(pick=picks, mandate=st.booleans())
    def authorize(self, pick: int, mandate: bool) -> None:
        handed = self.world.handed[pick % len(self.world.handed)]
        self._within(partial(self.world.authorize, handed.checkout_session_id, mandate=mandate))

    @rule(
        pick=picks,
        what=st.sampled_from(
            [
                ("decline", "checkout.session"),
                ("expire", "checkout.session"),
                ("detach", "payment_method"),
                ("revoke_at_amazon", "payment_method"),
                ("end_another_mandate", "payment_method"),
                ("delete_customer", "customer"),
            ]
        ),
    )
    def at_stripe(self, pick: int, what: tuple[str, str]) -> None:
        name, kind = what
        if found := self.world.objects(kind):
            act = partial(getattr(self.world.stripe, name), found[pick % len(found)]["id"])
            self._within(partial(self.world.at_stripe, name, act))

    @precondition(_has_room)
    @rule(pick=picks, how=st.sampled_from(["deliver", "deliver", "deliver", "copy", "drop", "lose"]))
    def webhook(self, pick: int, how: str) -> None:
        self._within(self.world.take_due)
        if not self.world.held:
            return
        attempt = self.world.held[pick % len(self.world.held)]
        acts = {
            "deliver": partial(self.world.deliver, attempt),
            "copy": partial(self.world.deliver, attempt, copy=True),
            "drop": partial(self.world.drop, attempt),
            "lose": partial(self.world.lose, attempt),
        }
        self._within(acts[how])

    @precondition(_has_room)
    @rule(most=st.sampled_from([1, 10]), again=st.booleans())
    def poll_webhooks(self, most: int, again: bool) -> None:
        self._within(partial(self.world.poll_webhooks, most, again=again))

    @precondition(_has_room)
    @rule()
    def poll_work(self) -> None:
        self._within(self.world.poll_work)

    @precondition(_has_room)
    @rule(pick=picks)
    def poll_stream(self, pick: int) -> None:
        shards = self.world.aws.shards
        self._within(partial(self.world.poll_stream, shards[pick % len(shards)]))

    @precondition(lambda self: self.world.ready())
    @rule(pick=picks, calls=st.integers(min_value=1, max_value=4), fault=faults)
    def go_on(self, pick: int, calls: int, fault: Fault | None) -> None:
        """One invocation makes its next calls; the first may meet a fault."""
        ready = self.world.ready()
        task = ready[pick % len(ready)]
        met = fault if fault in self.world.faults_for(task) else None
        self._within(partial(self.world.go_on, task, met))
        for _ in range(calls - 1):
            if task in self.world.ready():
                self._within(partial(self.world.go_on, task))

    @precondition(lambda self: self.world.clock.now - self.world.started_at < 50 * HOUR)
    @rule(seconds=st.sampled_from([5, 90, 400, HOUR, 23 * HOUR]))
    def pass_time(self, seconds: int) -> None:
        self._within(partial(self.world.pass_time, seconds))

    @rule()
    def rotate_secret(self) -> None:
        self._within(self.world.rotate_secret)

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "world"):
            self._within(self.world.invariants.check)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self._within(self.world.converge)


TestMandates = Mandates.TestCase
TestMandates.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
