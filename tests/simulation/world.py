"""One seeded world: the real handlers, an AWS and a Stripe in memory, and everything that happens to them.

A world is driven step by step: somebody calls the API, a buyer acts, Stripe delivers, a queue or the stream
is polled, time passes, or an invocation under way makes its next call, perhaps to meet a fault there. What is
chosen, and all else that is left to chance, comes from one generator, so that a seed is a run.
"""

import functools
import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

from local.stripe_simulator import NotPossible, Settings, Simulator
from local.stripe_simulator.errors import StripeError
from local.stripe_simulator.ids import random_ids
from local.stripe_simulator.outbox import DeliveryAttempt
from mandates.core.clock import Instant
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.core.terms import Terms
from mandates.privacy.erasure import ChargesOpen, erase
from mandates.privacy.holdings import holdings
from mandates.store.published_terms import publish_terms
from tests.component.world import (
    CUSTOMER,
    ORIGIN,
    STRANGER,
    Context,
    answer,
    api_event,
    checkout_body,
    customer,
    service,
    sqs_event,
    token_in,
)
from tests.simulation import reality
from tests.simulation.aws import BUS, Aws, Shard
from tests.simulation.charging import DAILY_LIMIT, Charging, agreed
from tests.simulation.dynamodb import Write
from tests.simulation.expressions import Item
from tests.simulation.queues import Message, Queue
from tests.simulation.tasks import Call, Clock, ContainerGone, Fault, Task, Tasks

__all__ = ["BUS", "Handed", "Violation", "World"]

BEGINNING = 1_795_500_000.0
CUSTOMERS = (CUSTOMER, STRANGER)
RECENT_STEPS = 60
MOST_UNDER_WAY = 3
RECEIVES_LEFT_ALONE = 7
"""The adversary lets go of a message that came this often: ordinary faults are never ten in a row."""

EVENT_TYPES = (
    *HANDLED_TYPES,
    "setup_intent.created",
    "setup_intent.requires_action",
    "payment_method.attached",
)

URLS = (f"{ORIGIN}/return", f"{ORIGIN}/elsewhere")
LOCALES = ("en", "de")


class Violation(AssertionError):
    """Something that must never be. The message has the seed and the last steps."""


@dataclass(frozen=True)
class Handed:
    """A session whose address a front end was given."""

    customer_id: str
    mandate_id: str
    checkout_session_id: str


@functools.cache
def published_terms(name: str) -> tuple[Terms, Mapping[tuple[str, ...], Item]]:
    """The terms with that name, and their items: published once, in a world of their own."""
    clock = Clock(BEGINNING)
    tasks, made = Tasks(clock), lambda *_: None
    aws = Aws(clock, Random(0), lambda _: None)
    scratch: Any = SimpleNamespace(clock=clock, random=Random(0), tasks=tasks, aws=aws, made=made)
    terms = agreed(name)
    with reality.entered(scratch):
        publish_terms(terms, Instant(clock.now))
    return terms, dict(aws.items("terms"))


class World:
    """`seed` decides everything; `faults` is the chance that a call meets one, `index_lag` (seconds) how long
    an index of DynamoDB may not know of a write. `terms` are one of charging.TERMS."""

    def __init__(
        self, seed: int, *, faults: float = 0.0, index_lag: float = 0.0, terms: str = DAILY_LIMIT
    ) -> None:
        from tests.simulation.invariants import Invariants

        self.seed = seed
        self.random = Random(seed)
        self.fault_chance = faults
        self.clock = Clock(BEGINNING + self.random.randrange(86_400))
        self.tasks = Tasks(self.clock)
        self.counted: Counter[str] = Counter()
        self.recent: deque[str] = deque(maxlen=RECENT_STEPS)
        self._digest = hashlib.sha256()
        self.steps = 0
        self.aws = Aws(self.clock, self.random, self._wrote)
        self.aws.longest_index_lag = index_lag
        self.stripe = Simulator(
            Settings(retry_delay=5.0, delivery_attempts=60),
            clock=self.clock,
            new_id=random_ids(Random(seed + 1)),
        )
        self.stripe.set_faults(reality.NO_FAULTS)
        self.handed: list[Handed] = []
        self.held: list[DeliveryAttempt] = []
        self.lost: list[str] = []
        self.acknowledged: set[str] = set()
        self.to_be_erased: set[str] = set()
        self.wait_for_charges: set[str] = set()
        self.has_erasures = False
        self.is_charging = False
        self.violation: Violation | None = None
        self.stripe_down_until = 0.0
        self.slowest_call = 0.03
        self.started_at = self.clock.now
        self.charging = Charging(self)
        self.terms, self._terms_items = published_terms(terms)
        self._idle: dict[str, list[Any]] = {}
        self._rotation: list[tuple[str, str]] = []
        self.invariants = Invariants(self)
        with self.entered():
            self._furnish()

    def entered(self) -> Any:
        return reality.entered(self)

    def _furnish(self) -> None:
        self.aws.dynamodb.tables["terms"].items.update(self._terms_items)
        self.aws.secrets[reality.API_KEY_SECRET] = "sk_test_placeholder"
        self._rotation = [self._new_endpoint()]
        self._store_secrets()

    # ----------------------------------------------------------------------------------- the record

    def note(self, text: str) -> None:
        """One line of the trace; the digest is taken over all of them."""
        line = f"{self.steps:4} {self.clock.now - BEGINNING:10.1f}s  {text}"
        self.recent.append(line)
        self._digest.update(line.encode() + b"\n")

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def made(self, call: Call, fault: Fault | None, outcome: str) -> None:
        if outcome == "NotSimulated":
            self.fail(f"{call} uses what is not simulated: {json.dumps(call.parameters, default=str)[:500]}")
        self.counted["calls"] += 1
        task = self.tasks.current
        self.invariants.called(task, call)
        self.invariants.charges.made(task, call)
        met = f" [{fault.value}]" if fault else ""
        self.note(f"  {task or 'the world'}: {call}{met}: {outcome}")
        self.clock.now += self.random.random() * self.slowest_call

    def sent(self, call: Call) -> None:
        """A request reaches Stripe."""
        self.invariants.charges.sent(self.tasks.current, call)

    def fail(self, what: str) -> None:
        steps = "\n".join(self.recent)
        found = Violation(f"{what}\nSEED={self.seed}, step {self.steps}. The last steps:\n{steps}")
        self.violation = self.violation or found  # the first is the cause
        raise self.violation

    def raise_violation(self) -> None:
        """One that was found inside a handler is an error like any other there, and caught."""
        if self.violation:
            raise self.violation

    def _wrote(self, writes: list[Write]) -> None:
        invariants = getattr(self, "invariants", None)
        if invariants:
            invariants.wrote(writes)

    # ------------------------------------------------------------------------------------ invocations

    def start(
        self,
        function: str,
        event: Mapping[str, Any],
        done: Callable[[Any], None] = lambda _: None,
        gone: Callable[[], None] = lambda: None,
        about: str = "",
    ) -> Task:
        """Lambda invokes the function; a container that is free takes it, else a new one."""
        idle = self._idle.setdefault(function, [])
        container = idle.pop() if idle else None

        def work() -> Any:
            nonlocal container
            if container is None:
                container = reality.load(function)
            return container.handler(event, Context(remaining_seconds=300))

        def finished(result: Any) -> None:
            idle.append(container)
            done(result)

        return self.begin(function, work, finished, gone, about)

    def begin(
        self,
        name: str,
        work: Callable[[], Any],
        done: Callable[[Any], None] = lambda _: None,
        gone: Callable[[], None] = lambda: None,
        about: str = "",
    ) -> Task:
        def run() -> Any:
            try:
                return work()
            except Violation:
                raise
            except Exception as error:  # a function error: for whoever invoked it, as if the container died
                if not task.faults:
                    self.fail(f"{task} raised {error!r} though nothing went wrong")
                self.note(f"  {task} raises {type(error).__name__}")
                raise ContainerGone from error

        def crashed() -> None:
            self.note(f"  {task} is gone")
            gone()

        self.counted[name] += 1
        task: Task = Task(f"{name}#{self.counted[name]}", run, done, crashed)
        self.note(f"{task} begins{' ' + about if about else ''}")
        self.invariants.charges.began(task)
        self.tasks.start(task)
        self.raise_violation()
        return task

    def go_on(self, task: Task, fault: Fault | None = None) -> None:
        self.clock.now = max(self.clock.now, task.not_before)
        if fault:
            self.counted[f"fault: {fault.value}"] += 1
        self.tasks.go_on(task, fault)
        self.raise_violation()

    def finish(self, task: Task) -> None:
        """To its end, without faults."""
        while task in self.tasks.under_way:
            self.go_on(task)

    def finish_all(self) -> None:
        while self.tasks.under_way:
            self.finish(self.tasks.under_way[0])

    def ready(self) -> list[Task]:
        return [task for task in self.tasks.under_way if task.not_before <= self.clock.now]

    def faults_for(self, task: Task) -> Sequence[Fault]:
        if task.call is None or not task.may_fail:
            return ()
        return task.call.faults

    # -------------------------------------------------------------------------------- the front end

    def api(
        self,
        function: str,
        method: str,
        resource: str,
        *,
        path: Mapping[str, str] | None = None,
        body: Any = None,
        caller: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        done: Callable[[Any], None] = lambda _: None,
        about: str = "",
    ) -> Task:
        event = api_event(method, resource, path=path, body=body, caller=caller, headers=headers, query=query)
        under_way: list[Task] = []

        def answered(raw: Any) -> None:
            given = answer(raw)
            self.note(f"  {function} answers {given.status} {_code(given.body)}")
            self.counted[f"answer {given.status}"] += 1
            self.invariants.answered(function, given, under_way[0] if under_way else None)
            done(given)

        task = self.start(function, event, answered, about=about)
        under_way.append(task)
        return task

    def put_customer(self, customer_id: str = CUSTOMER, **body: str) -> Task:
        return self.api(
            "create_customer",
            "PUT",
            "/customers/{customer_id}",
            path={"customer_id": customer_id},
            body=body,
            caller=customer(customer_id),
            about=customer_id,
        )

    def post_checkout(self, customer_id: str = CUSTOMER, url: str = URLS[0], locale: str = "en") -> Task:
        def done(given: Any) -> None:
            if given.status in {200, 201}:
                body = given.body
                handed = Handed(customer_id, body["mandate_id"], body["checkout_session_id"])
                if handed not in self.handed:
                    self.handed.append(handed)

        body = checkout_body(self.terms, locale, success_url=url)
        return self.api(
            "create_checkout_session",
            "POST",
            "/checkout-sessions",
            body=body,
            caller=customer(customer_id),
            done=done,
            about=f"{customer_id} {url} {locale}",
        )

    def return_page(self, handed: Handed) -> Task:
        return self.api(
            "read_checkout_session",
            "GET",
            "/checkout-sessions/{checkout_session_id}",
            path={"checkout_session_id": handed.checkout_session_id},
            caller=customer(handed.customer_id),
            about=handed.mandate_id,
        )

    def come_back(self, handed: Handed, customer_id: str, *, wrong: bool = False) -> Task:
        """Somebody signed in as this customer is on the page that Stripe sends the buyer back to."""
        own = customer_id == handed.customer_id
        if not wrong:
            self.invariants.came_back(handed.mandate_id, own=own)

        def done(given: Any) -> None:
            if self.invariants.erasure_begun(handed.mandate_id):
                return  # it is theirs no more, or for no more than a moment
            expected = (422 if wrong else 200) if own else 404
            if given.status not in {expected, 500, 503}:
                self.fail(f"{customer_id} came back to {handed.mandate_id} and was answered {given.status}")
            if given.status == 200 and given.body["returned"]["customer"] is None:
                self.fail(f"the return of {customer_id} to {handed.mandate_id} is not on record")

        session = self.stripe.find("checkout.session", handed.checkout_session_id)
        token = "t" * 43 if wrong else token_in(session["success_url"])
        return self.api(
            "record_return",
            "POST",
            "/checkout-sessions/{checkout_session_id}/return",
            path={"checkout_session_id": handed.checkout_session_id},
            body={"return_token": token},
            caller=customer(customer_id),
            done=done,
            about=f"{handed.mandate_id} {customer_id}{' with a wrong token' if wrong else ''}",
        )

    def revoke(self, customer_id: str, mandate_id: str, *, by_service: bool = False) -> Task:
        def done(given: Any) -> None:
            if given.status == 200 and given.body["status"] != "revoked":
                self.fail(f"{mandate_id} was revoked and is said to be {given.body['status']}")

        return self.api(
            "revoke_mandate",
            "POST",
            "/mandates/{mandate_id}/revoke",
            path={"mandate_id": mandate_id},
            caller=service("mandates:write") if by_service else customer(customer_id),
            done=done,
            about=mandate_id,
        )

    # ---------------------------------------------------------------------------------- an operator

    def erase(self, customer_id: str = CUSTOMER) -> Task:
        """As `ops customer erase` does it. Until it says that all went well, it is to be run again."""

        def work() -> list[str]:
            held = holdings(customer_id)
            if held.is_empty:
                return []
            try:
                return erase(
                    held,
                    override="court_order",
                    clock=self.clock,
                    random_bytes=self.random.randbytes,
                    say=lambda _: None,
                )
            except ChargesOpen as refused:
                self.wait_for_charges.add(customer_id)
                return [str(refused)]

        def done(problems: list[str]) -> None:
            self.note(f"  {customer_id} is erased, but for {problems}")
            self.counted["erasures to be run again" if problems else "erasures done"] += 1
            if not problems:
                self.invariants.erased(customer_id, task)
                self.to_be_erased.discard(customer_id)

        self.to_be_erased.add(customer_id)
        task = self.begin("erase", work, done, about=customer_id)
        return task

    def finish_erasures(self) -> None:
        self.wait_for_charges.clear()
        for customer_id in sorted(self.to_be_erased):
            self.finish(self.erase(customer_id))
        if self.to_be_erased - self.wait_for_charges:
            self.fail(f"running it again does not erase {self.to_be_erased}, who do nothing any more")

    # ------------------------------------------------------------------------- the buyer, and Stripe

    def at_stripe(self, what: str, act: Callable[[], Any]) -> bool:
        """Something happens at Stripe that is not our doing; false if it can't."""
        try:
            act()
        except (NotPossible, StripeError):
            return False
        self.note(what)
        return True

    def objects(self, kind: str) -> list[dict[str, Any]]:
        return self.stripe.all(kind)

    def authorize(self, session_id: str, *, mandate: bool = True) -> bool:
        return self.at_stripe(
            f"the buyer authorises {session_id[:16]}",
            lambda: self.stripe.authorize(session_id, mandate=mandate),
        )

    def activate(self, customer_id: str = CUSTOMER) -> Handed:
        """An active mandate, without faults; nothing is on its way."""
        self.finish(self.put_customer(customer_id))
        self.finish(self.post_checkout(customer_id))
        handed = self.handed[-1]
        self.authorize(handed.checkout_session_id)
        self.drain()
        return handed

    def stripe_api(self, method: str, target: str, form: str = "") -> Any:
        """Somebody else with the same Stripe account."""
        headers = {"Authorization": "Bearer sk_test_placeholder"}
        return self.stripe.request(method, target, headers, form).body

    def forge(self, mandate_id: str, stripe_customer_id: str, owner_mark: str) -> str | None:
        """A session that names a mandate of ours and isn't its own, completed; None if it can't be made."""
        metadata = "&".join(
            f"{where}[metadata][{name}]={value}" if where else f"metadata[{name}]={value}"
            for where in ("", "setup_intent_data")
            for name, value in (("mandate_id", mandate_id), ("managed_by", owner_mark))
        )
        made = self.stripe_api(
            "POST",
            "/v1/checkout/sessions",
            f"mode=setup&allowed_payment_method_types[0]=amazon_pay&customer={stripe_customer_id}"
            f"&success_url=https://elsewhere.example/&{metadata}",
        )
        if "error" in made:
            return None
        session_id = str(made["id"])
        self.note(f"somebody makes {session_id[:16]} for {mandate_id} as {owner_mark}")
        self.authorize(session_id)
        return session_id

    # ---------------------------------------------------------------------------------- webhooks

    def take_due(self) -> int:
        """Stripe sends what is due: the requests are on their way."""
        taken = self.stripe.take_due()
        self.held += taken
        return len(taken)

    def deliver(self, attempt: DeliveryAttempt, *, copy: bool = False) -> Task:
        """A request arrives; a copy of one is answered to nobody."""
        if not copy and attempt in self.held:
            self.held.remove(attempt)
        event = api_event("POST", "/webhooks/stripe", headers=attempt.headers)
        event["body"] = attempt.body.decode()

        def answered(raw: Any) -> None:
            status = answer(raw).status
            self.note(f"  Stripe hears {status} for {attempt.event_type} {attempt.event}")
            if status == 200:
                self.acknowledged.add(attempt.event)
                self.invariants.acknowledged(attempt.event)
            if not copy:
                self.stripe.record_answer(attempt, status)

        def gone() -> None:
            if not copy:
                self.stripe.record_answer(attempt, 502)

        return self.start(
            "receive_webhook", event, answered, gone, about=f"{attempt.event_type} {attempt.event}"
        )

    def drop(self, attempt: DeliveryAttempt) -> None:
        self.note(f"{attempt.event_type} {attempt.event} is dropped")
        self.held.remove(attempt)
        self.stripe.record_answer(attempt, "dropped")

    def lose(self, attempt: DeliveryAttempt) -> None:
        """Stripe takes it for delivered, and nobody has it: only asking Stripe can heal that."""
        self.note(f"{attempt.event_type} {attempt.event} is lost for good")
        self.held.remove(attempt)
        self.stripe.record_answer(attempt, 200)
        self.lost.append(attempt.event)

    def heal_lost_events(self) -> None:
        """Nobody but reconcile_events can bring these."""
        self.finish(self.reconcile())
        self.lost.clear()

    def reconcile(self) -> Task:
        """A scheduled run. Two at once, or one that is killed, are to do no harm."""
        return self.start("reconcile_events", {})

    # -------------------------------------------------------------------------- queues and the stream

    def poll_webhooks(self, most: int = 10, *, again: bool = False) -> Task | None:
        return self._poll(self.aws.webhooks, "process_webhook", most, again=again)

    def poll_work(self, *, again: bool = False) -> Task | None:
        return self._poll(self.aws.work, "release_withdrawals", 1, again=again)

    def poll_charges(self, *, again: bool = False) -> Task | None:
        return self._poll(self.aws.charges, "advance_charges", 1, again=again)

    def _poll(self, queue: Queue, function: str, most: int, *, again: bool) -> Task | None:
        """The event source mapping takes a batch. With `again`, SQS hands it out a second time."""
        taken = queue.receive(most, self.clock.now, self.random)
        if not taken:
            return None
        receipts = [(message, message.receipt) for message in taken]
        event = _sqs_event(taken)
        if again:
            for message in taken:
                message.visible_at = self.clock.now

        def done(result: Any) -> None:
            failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
            for message, receipt in receipts:
                if message.message_id not in failed:
                    queue.delete(message, receipt)
            if failed:
                self.note(f"  {sorted(failed)} come back to the queue")
            self.invariants.processed(function, len(failed), task)

        task = self.start(function, event, done, about=f"{sorted(message.message_id for message in taken)}")
        task.may_fail = all(message.received < RECEIVES_LEFT_ALONE for message in taken)
        return task

    def poll_stream(self, shard: Shard) -> Task | None:
        waiting = shard.records[shard.position : shard.position + shard.batch]
        if shard.busy or not waiting:
            return None
        shard.busy = True

        def done(result: Any) -> None:
            shard.busy = False
            shard.batch = 10
            failed = [item["itemIdentifier"] for item in result["batchItemFailures"]]
            numbers = [record["dynamodb"]["SequenceNumber"] for record in waiting]
            shard.position += numbers.index(failed[0]) if failed else len(waiting)

        def gone() -> None:
            shard.busy = False
            shard.batch = max(1, len(waiting) // 2)

        return self.start(shard.function, {"Records": waiting}, done, gone, about=f"{len(waiting)} records")

    # --------------------------------------------------------------------------------- secrets, time

    def _new_endpoint(self) -> tuple[str, str]:
        wanted = "&".join(f"enabled_events[{number}]={name}" for number, name in enumerate(EVENT_TYPES))
        made = self.stripe_api("POST", "/v1/webhook_endpoints", f"url={ORIGIN}/webhooks/stripe&{wanted}")
        return str(made["id"]), str(made["secret"])

    def _store_secrets(self) -> None:
        secrets = [secret for _, secret in self._rotation]
        self.aws.secrets[reality.WEBHOOK_SECRETS] = json.dumps({"secrets": secrets})

    def rotate_secret(self) -> None:
        """One step of a rotation: a second endpoint with its secret, or the end of the first."""
        if len(self._rotation) == 1:
            self.note("a second webhook endpoint is made")
            self._rotation.append(self._new_endpoint())
            self._store_secrets()
            return
        self.note("the first webhook endpoint is deleted")
        endpoint_id, _ = self._rotation.pop(0)
        for event in self.objects("event"):
            to_it = [one for one in self.stripe.deliveries(event["id"]) if one.endpoint == endpoint_id]
            if any(one.status == "pending" for one in to_it):
                self.lost.append(event["id"])  # the second endpoint may be too young to have it
        self.stripe_api("DELETE", f"/v1/webhook_endpoints/{endpoint_id}")
        self._store_secrets()

    def pass_time(self, seconds: float) -> None:
        """What was under way for longer than a function may take is gone."""
        self.note(f"{seconds:.0f} s pass")
        self.clock.now += seconds
        if seconds >= 30:
            for task in list(self.tasks.under_way):
                self.note(f"{task} has timed out")
                task.timed_out = True
                self.tasks.kill(task)
        self.stripe.tick()

    # -------------------------------------------------------------------------------------- the end

    def drain(self) -> None:
        """The faults are over: everything that is on its way arrives."""
        self.note("the faults are over")
        self.finish_all()
        self.finish_erasures()
        self.heal_lost_events()
        for _ in range(400):
            self.stripe.make_due()
            self.take_due()
            for attempt in list(self.held):
                self.finish(self.deliver(attempt))
            busy = [
                self.poll_webhooks(),
                self.poll_work(),
                self.poll_charges(),
                *(self.poll_stream(shard) for shard in self.aws.shards),
            ]
            self.finish_all()
            if not any(busy) and not self._wait():
                return
            if self.stripe.make_due():
                self.clock.now += 70  # what was refused is sent again later; secrets are read anew by then
            self.invariants.check()
        self.fail("what is on its way does not come to rest")

    def _wait(self) -> bool:
        """Until something in a queue can be seen again; false if all is at rest."""
        visible = [queue.next_visible() for queue in self.aws.polled]
        next_at = min((at for at in visible if at is not None), default=None)
        unpublished = any(shard.position < len(shard.records) for shard in self.aws.shards)
        undelivered = self.stripe.make_due()
        if next_at is not None and next_at > self.clock.now:
            self.clock.now = next_at
        return next_at is not None or unpublished or bool(undelivered)

    def tell_of_charges(self) -> None:
        """All that the charges' stream has. It comes last: what a world does must not depend on it."""
        while task := self.poll_stream(self.aws.charges_shard):
            self.finish(task)

    def converge(self) -> None:
        """Drain and compare with Stripe, now and once all sessions have ended."""
        self.drain()
        self.invariants.converged()
        self.pass_time(25 * 3600)
        self.drain()
        self.charging.settle()
        if self.wait_for_charges:
            self.drain()
            if self.to_be_erased:
                self.fail(f"all charges are final, and these are not erased: {self.to_be_erased}")
        self.invariants.converged(sessions_over=True)
        self.tell_of_charges()
        self.invariants.charges.all_told()
        for head in self.invariants.heads():
            self.counted[f"mandates {self.invariants.status(head)} in the end"] += 1
        self.counted += self.invariants.charges.ends()


def _sqs_event(messages: Sequence[Message]) -> dict[str, Any]:
    event = sqs_event([message.body for message in messages])
    for record, message in zip(event["Records"], messages, strict=True):
        record["messageId"] = message.message_id
        record["receiptHandle"] = message.receipt
        record["attributes"] = {"ApproximateReceiveCount": str(message.received)}
    return event


def _code(body: Any) -> str:
    return str(body.get("code", "")) if isinstance(body, Mapping) else ""
