"""What must hold after every step of a world, and what once everything has arrived.

The rules are written anew here, from what is stored and from what Stripe says, in other words than the code
they are held against.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mandates.core import ledger
from mandates.core.facts import fact_from_plain, merge, to_plain
from mandates.core.faults import faults
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.ledger.snapshot import read_record
from mandates.ledger.stream import ENTRY_PREFIX, entry_in
from tests.simulation.charge_invariants import ChargeInvariants
from tests.simulation.dynamodb import Write
from tests.simulation.reality import OWNER_MARK
from tests.simulation.tasks import CRASHES, Call, Task

if TYPE_CHECKING:
    from tests.simulation.world import World

STATUSES = {"pending", "active", "expired", "revoked"}
ENDS_A_MANDATE = {"revoked", "charge_mandate_invalid"}
ENDS_A_SUBJECT = {"detached", "mandate_inactive", "deleted"}
UNRELEASED_PREFIX = "unsettled#"
ENDS_A_SESSION = {"session_expired", "session_cancelled", "setup_canceled"}

SECONDS_BETWEEN_QUESTIONS = 3
"""To Stripe about one session, for its return page."""

Facts = Mapping[str, Any]


class Invariants:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._dirty: set[str] = set()
        self._subjects_changed = False
        self._verified: dict[str, tuple[int, str]] = {}
        self._withdrawn: set[str] = set()
        self._unrecorded: set[str] = set()
        self._came_back: set[tuple[str, str]] = set()
        self._writes = 0
        self._begun: dict[str, int] = {}
        self._slot_read: dict[str, int] = {}
        self._deleted_here: set[str] = set()
        self.charges = ChargeInvariants(world)

    # ------------------------------------------------------------------------------ what happened

    def wrote(self, writes: Sequence[Write]) -> None:
        self._writes += 1
        for write in writes:
            match write.table.name:
                case "customers":
                    if write.key[1] == "customer" and write.after is None:
                        self._deleted_here.add(write.key[0])
                case "mandates":
                    self._wrote_of_mandate(write)
                case "stripe_subjects":
                    self._wrote_subject(write)
                case "events":
                    self._wrote_of_event(write)
        self.charges.wrote(writes, self.status)

    def _wrote_of_mandate(self, write: Write) -> None:
        mandate_id, record = write.key
        self._dirty.add(mandate_id)
        if record.startswith(ENTRY_PREFIX) and write.before is not None:
            self._fail(f"the ledger entry {write.key} was replaced")
        if record == "head" and write.before is None and write.after is not None:
            self._begun[mandate_id] = self._writes
            customer_id = write.after["customer_id"]["S"]
            if (customer_id, "customer") not in self._world.aws.items("customers"):
                self._fail(f"{mandate_id} begins though {customer_id} is not there")

    def _wrote_subject(self, write: Write) -> None:
        self._subjects_changed = True
        before, asked = _asked_at(write.before), _asked_at(write.after)
        # By the time of whoever asks: one that is further behind is as a clock that was set back, which may.
        if asked != before and abs(asked - before) < SECONDS_BETWEEN_QUESTIONS:
            self._fail(f"Stripe is asked for {write.key} again after {asked - before} s")

    def _wrote_of_event(self, write: Write) -> None:
        if write.before is None:
            return
        applied = write.before.get("outcome") == {"S": "applied"}
        if applied and (write.after is None or write.after != write.before):
            self._fail(f"the record of the applied event {write.key} was overwritten")
        if "position" in write.before and _position(write.after) < _position(write.before):
            self._fail(f"the cursor {write.key} went backwards")

    def called(self, task: Task | None, call: Call) -> None:
        """When an erasure last looked for a checkout: what began later is not its to find."""
        if task and task.name.startswith("erase#") and "customers" in call.parameters.get("RequestItems", ()):
            self._slot_read[task.name] = self._writes

    def erased(self, customer_id: str, task: Task) -> None:
        """An erasure says that all went well."""
        for head in self.heads():
            mandate_id = head["mandate_id"]["S"]
            if (
                head["customer_id"]["S"] == customer_id
                and self._begun[mandate_id] <= self._slot_read[task.name]
            ):
                self._fail(f"{mandate_id} names {customer_id} still, who is said to be erased")
        row = self._world.aws.items("customers").get((customer_id, "customer"), {})
        theirs = f"stripe_customer#{row.get('stripe_customer_id', {}).get('S')}"
        for key, subject in self._world.aws.items("stripe_subjects").items():
            if subject.get("customer_id") == {"S": customer_id} and key != (theirs,):
                self._fail(f"{key} names {customer_id} still, who is said to be erased")

    def wrote_to(self, mandate_id: str) -> None:
        self._dirty.add(mandate_id)

    def acknowledged(self, event_id: str) -> None:
        if not self._is_of_another_payment(self._world.stripe.find("event", event_id)):
            self._unrecorded.add(event_id)

    def came_back(self, mandate_id: str, *, own: bool) -> None:
        """Somebody with the right token asks to be recorded; whether they are, faults may decide."""
        self._came_back.add((mandate_id, "customer" if own else "another"))

    def answered(self, function: str, answer: Any, task: Task | None) -> None:
        """A 5xx needs a reason outside the service."""
        if answer.status < 500:
            return
        reasons = [fault for fault in (task.faults if task else []) if fault not in CRASHES]
        if not reasons and answer.body.get("code") == "internal_error":
            self._fail(f"{function} answered {answer.status} {answer.body} though nothing went wrong")

    def processed(self, function: str, failed: int, task: Task) -> None:
        """Without faults, nothing comes back to a queue. (Stripe's, and the race for a head, are faults.)"""
        if failed and function == "process_webhook" and not task.faults and self._world.fault_chance == 0:
            self._fail(f"{task} could not process {failed} of its messages though nothing went wrong")

    # ----------------------------------------------------------------------------- after every step

    def check(self) -> None:
        self._world.raise_violation()
        if self._dirty or self._subjects_changed:
            for mandate_id in sorted(self._all_heads() if self._subjects_changed else self._dirty):
                self._check_mandate(mandate_id)
            self._check_how_many_were_begun()
            self._dirty.clear()
            self._subjects_changed = False
        self.charges.check()
        self._check_nothing_acknowledged_is_lost()
        self._check_stripe()
        aws = self._world.aws
        for queue in (*aws.refusing, *(() if aws.refused else (aws.unpublished,))):
            if queue.messages:
                self._fail(f"dead letters: {list(queue.messages.values())}")

    def _check_mandate(self, mandate_id: str) -> None:
        head = self._head(mandate_id)
        entries = self._entries(mandate_id)
        if head is None:
            if entries:
                self._fail(f"{mandate_id} has a ledger and no head")
            return
        length, tip = int(head["entries"]["N"]), head["head_hash"]["S"]
        if self._verified.get(mandate_id) != (length, tip):
            broken = ledger.first_broken(entries, length=length, head_hash=tip)
            if broken is not None:
                self._fail(f"the ledger of {mandate_id} is broken at {broken}")
            self._verified[mandate_id] = (length, tip)
        self._check_entries(mandate_id, head, entries)
        if head["customer_id"]["S"].startswith("erased:") and self._has_personal_values(mandate_id):
            self._fail(f"{mandate_id} has lost its customer and kept their personal values")
        self._check_status(mandate_id, head, entries)

    def _check_entries(self, mandate_id: str, head: Any, entries: Sequence[ledger.Entry]) -> None:
        sources = Counter(entry.source for entry in entries if entry.source.startswith("evt_"))
        if twice := [source for source, times in sources.items() if times > 1]:
            self._fail(f"{mandate_id} has several entries of {twice}")
        told = [fact for entry in entries for fact in entry.facts if fact["kind"] not in ENDS_A_SUBJECT]
        expected = {key: to_plain(fact) for key, fact in merge({}, map(fact_from_plain, told)).items()}
        if self._facts(head) != expected:
            self._fail(f"the facts of {mandate_id} are not those of its ledger: {head['facts']['S']}")
        returned = Counter(
            fact["qualifier"] for entry in entries for fact in entry.facts if fact["kind"] == "returned"
        )
        for who, times in returned.items():
            if times > 1 or (mandate_id, who) not in self._came_back:
                self._fail(f"{mandate_id} has {times} entries of a return by {who}")
        ended = [entry.number for entry in entries if entry.status == "revoked"]
        if ended and any(entry.status != "revoked" for entry in entries[ended[0] - 1 :]):
            self._fail(f"{mandate_id} came back to life in its ledger")

    def _check_status(self, mandate_id: str, head: Any, entries: Sequence[ledger.Entry]) -> None:
        status = self.status(head)
        if not STATUSES.issuperset(entry.status for entry in entries):
            self._fail(f"{mandate_id} has an unknown status in its ledger")
        if mandate_id in self._withdrawn and status != "revoked":
            self._fail(f"{mandate_id} was withdrawn and is {status}")
        if status == "revoked":
            self._withdrawn.add(mandate_id)
        elif entries and entries[-1].status != status:
            # A withdrawal of a subject is told to the ledger afterwards; anything else is in it at once.
            self._fail(f"{mandate_id} is {status} and its ledger says {entries[-1].status}")
        self._check_belongings(mandate_id, head)
        if "setup_succeeded" in self._facts(head):
            for key in self._stands_on(head):
                subject = self._world.aws.items("stripe_subjects").get((key,))
                if subject is None or mandate_id not in subject.get("mandates", {}).get("SS", ()):
                    self._fail(f"{mandate_id} stands on {key}, which does not list it")

    def _check_belongings(self, mandate_id: str, head: Any) -> None:
        """What a mandate's facts name is its own at Stripe."""
        facts = self._facts(head)
        kinds = {"checkout_session": "checkout.session", "setup_intent": "setup_intent"}
        for name, kind in kinds.items():
            found = {identifier for fact in facts.values() for identifier in fact["ids"].get(name, ())}
            for identifier in found:
                thing = self._world.stripe.get(kind, identifier)
                owner = (thing or {}).get("metadata", {}).get("managed_by"), (thing or {}).get("customer")
                if owner != (OWNER_MARK, head["stripe_customer_id"]["S"]):
                    self._fail(f"{mandate_id} believed {identifier}, which is not its own")
                if name == "checkout_session":
                    item = self._world.aws.items("stripe_subjects").get((f"{name}#{identifier}",))
                    if item is None or mandate_id not in item.get("mandates", {}).get("SS", ()):
                        self._fail(f"{mandate_id} can't be found by its session {identifier}")

    def _check_nothing_acknowledged_is_lost(self) -> None:
        records = self._world.aws.items("events")
        queues = (self._world.aws.webhooks, self._world.aws.dead_letters)
        for event_id in sorted(self._unrecorded):
            if (event_id, "event") in records:
                self._unrecorded.discard(event_id)
            elif not any(queue.holds(event_id) for queue in queues):
                self._fail(f"{event_id} was acknowledged, and is nowhere")

    def _check_stripe(self) -> None:
        living: dict[str, list[str]] = defaultdict(list)
        for customer in self._world.objects("customer"):
            if not customer.get("deleted") and "customer_id" in customer["metadata"]:
                living[customer["metadata"]["customer_id"]].append(customer["id"])
        for customer_id, found in living.items():
            # An erasure forgets a Stripe customer, which the operator then deletes there, or does not.
            if len(found) > 1 and customer_id not in self._deleted_here:
                self._fail(f"{customer_id} has the Stripe customers {found}")
        sessions: dict[str, list[str]] = defaultdict(list)
        for session in self._world.objects("checkout.session"):
            if session["metadata"].get("managed_by") == OWNER_MARK and session["success_url"].startswith(
                "https://shop.example"
            ):
                sessions[session["metadata"]["mandate_id"]].append(session["id"])
        for mandate_id, several in sessions.items():
            if len(several) > 1:
                self._fail(f"{mandate_id} has the sessions {several}")
        self._check_open_sessions()

    def _check_open_sessions(self) -> None:
        """A customer can complete one session at a time."""
        open_ones: dict[str, list[str]] = defaultdict(list)
        for handed in self._world.handed:
            head = self._head(handed.mandate_id)
            session = self._world.stripe.get("checkout.session", handed.checkout_session_id)
            if head and session and session["status"] == "open" and self.status(head) == "pending":
                open_ones[handed.customer_id].append(handed.checkout_session_id)
        for customer_id, several in open_ones.items():
            if len(several) > 1:
                self._fail(f"{customer_id} has the open sessions {several}")

    def _check_how_many_were_begun(self) -> None:
        """Ten in any hour, for each customer; counted in whole seconds."""
        begun: dict[str, list[float]] = defaultdict(list)
        for head in self.heads():
            created_at = datetime.fromisoformat(head["created_at"]["S"]).timestamp()
            begun[head["customer_id"]["S"]].append(created_at)
        for customer_id, times in begun.items():
            ordered = sorted(times)
            if any(later - first < 3599 for first, later in zip(ordered, ordered[10:], strict=False)):
                self._fail(f"{customer_id} began more than ten checkouts within an hour")

    # -------------------------------------------------------------------------- once all has arrived

    def converged(self, *, sessions_over: bool = False) -> None:
        """With `sessions_over`, so much time has passed that no session can still be completed."""
        self.check()
        for mandate_id in sorted(self._all_heads()):
            self._check_against_stripe(mandate_id)
            self._check_published(mandate_id)
            self._check_told(mandate_id)
            self._check_proven(mandate_id)
            if sessions_over and self.status(self._head(mandate_id)) == "pending":
                self._fail(f"{mandate_id} is still pending, long after its session's life")
        self._check_every_event_has_a_record()
        self.charges.converged(is_over=sessions_over)
        for key in self._world.aws.items("mandates"):
            if key[1].startswith(UNRELEASED_PREFIX):
                self._fail(f"{key} is listed as unreleased, and there is nothing left to release")

    def _check_against_stripe(self, mandate_id: str) -> None:
        head = self._head(mandate_id)
        assert head
        status, possible = self.status(head), self._possible(mandate_id, head)
        if status not in possible:
            self._fail(f"{mandate_id} is {status}, and by Stripe's word {sorted(possible)}")
        if status == "revoked":
            self._check_released(mandate_id, head)

    def _possible(self, mandate_id: str, head: Any) -> set[str]:
        """What a mandate may be, by what Stripe has of it and by whether it was revoked here."""
        facts = self._facts(head)
        customer = self._world.stripe.get("customer", head["stripe_customer_id"]["S"])
        if ENDS_A_MANDATE & _kinds(facts) or not customer or customer.get("deleted"):
            return {"revoked"}
        session = self._session_of(mandate_id)
        if session is None:
            return {"pending", "expired"}
        intent = self._world.stripe.find("setup_intent", session["setup_intent"])
        if intent["status"] == "succeeded":
            method = self._world.stripe.find("payment_method", intent["payment_method"])
            permission = intent["mandate"] and self._world.stripe.find("mandate", intent["mandate"])
            usable = method["customer"] and (permission is None or permission["status"] == "active")
            return {"active"} if usable else {"revoked"}
        if session["status"] == "open":
            return {"expired"} if "session_cancelled" in facts else {"pending"}
        return {"expired"}

    def _check_released(self, mandate_id: str, head: Any) -> None:
        """A withdrawn mandate can't be used at Stripe any more."""
        customer = self._world.stripe.get("customer", head["stripe_customer_id"]["S"])
        session = self._session_of(mandate_id)
        if not session or not customer or customer.get("deleted"):
            return
        if session["status"] == "open" and "session_created" in self._facts(head):
            self._fail(f"{mandate_id} is withdrawn and its session is open")
        intent = self._world.stripe.find("setup_intent", session["setup_intent"])
        if intent["status"] == "succeeded":
            method = self._world.stripe.find("payment_method", intent["payment_method"])
            if method["customer"]:
                self._fail(f"{mandate_id} is withdrawn and {method['id']} still attached")

    def _check_published(self, mandate_id: str) -> None:
        head = self._head(mandate_id)
        assert head
        published = self._world.aws.published.numbers.get(mandate_id, [])
        transactions = [self._world.aws.transaction_of[mandate_id, number] for number in published]
        # A transaction that is cut in two between batches is nobody's to keep in order: docs/events.md.
        all_of_them = sorted(published) == list(range(1, int(head["entries"]["N"]) + 1))
        if not all_of_them or transactions != sorted(transactions):
            self._fail(f"{mandate_id}: of {head['entries']['N']} entries were published {published}")

    def _check_told(self, mandate_id: str) -> None:
        """A mandate that was set up has in its ledger each withdrawal of what it stands on."""
        head = self._head(mandate_id)
        assert head
        if "setup_succeeded" not in self._facts(head):
            return
        sources = {entry.source for entry in self._entries(mandate_id)}
        for key in self._stands_on(head):
            for fact in self._subject_facts(key).values():
                if fact["source"] not in sources:
                    self._fail(
                        f"{fact['source']} ({fact['kind']} of {key}) is not in the ledger of {mandate_id}"
                    )

    def _check_proven(self, mandate_id: str) -> None:
        """Whatever happened, what is stored follows from the ledger: evidence has no faults."""
        record = read_record(mandate_id)
        found = faults(record) if record else ["nothing of it is stored"]
        if found:
            self._fail(f"{mandate_id} has faults: {found}")

    def _check_every_event_has_a_record(self) -> None:
        records = self._world.aws.items("events")
        for event in self._world.objects("event"):
            wanted = event["type"] in HANDLED_TYPES or event["id"] in self._world.acknowledged
            recorded = (event["id"], "event") in records
            if self._is_of_another_payment(event):
                wanted = False
                if recorded:
                    self._fail(f"{event['type']} {event['id']} is somebody else's, and left a record")
            if wanted and not recorded:
                self._fail(f"{event['type']} {event['id']} has no record")

    # ---------------------------------------------------------------------------- what is stored

    def status(self, head: Any) -> str:
        """A mandate's status by what is stored of it and of what it stands on."""
        facts = self._facts(head)
        ended = any(ENDS_A_SUBJECT & self._subject_facts(key).keys() for key in self._stands_on(head))
        if ended or ENDS_A_MANDATE & _kinds(facts):
            return "revoked"
        if "setup_succeeded" in facts:
            return "active"
        return "expired" if ENDS_A_SESSION & facts.keys() else "pending"

    def erasure_begun(self, mandate_id: str) -> bool:
        return "revoked#erasure" in self._facts(self._head(mandate_id))

    def heads(self) -> list[Any]:
        return [self._head(mandate_id) for mandate_id in sorted(self._all_heads())]

    def _all_heads(self) -> list[str]:
        return [key[0] for key in self._world.aws.items("mandates") if key[1] == "head"]

    def _head(self, mandate_id: str) -> Any:
        return self._world.aws.items("mandates").get((mandate_id, "head"))

    def _entries(self, mandate_id: str) -> list[ledger.Entry]:
        rows = self._world.aws.items("mandates")
        keys = sorted(key for key in rows if key[0] == mandate_id and key[1].startswith(ENTRY_PREFIX))
        return [_read(rows[key]) for key in keys]

    def _has_personal_values(self, mandate_id: str) -> bool:
        rows = self._world.aws.items("mandates")
        return any(key[0] == mandate_id and key[1].startswith("personal#") for key in rows)

    def _facts(self, head: Any) -> Facts:
        facts: Facts = _json(head["facts"]["S"])
        return facts

    def _subject_facts(self, key: str) -> Facts:
        item = self._world.aws.items("stripe_subjects").get((key,))
        return _json(item["facts"]["S"]) if item and "facts" in item else {}

    def _stands_on(self, head: Any) -> list[str]:
        methods = {
            identifier
            for fact in self._facts(head).values()
            for identifier in fact["ids"].get("payment_method", ())
        }
        return [
            f"stripe_customer#{head['stripe_customer_id']['S']}",
            *(f"payment_method#{method}" for method in sorted(methods)),
        ]

    def _session_of(self, mandate_id: str) -> Any:
        """The session that this service made for the mandate."""
        for session in self._world.objects("checkout.session"):
            own = session["metadata"].get("managed_by") == OWNER_MARK
            if own and session["client_reference_id"] == mandate_id:
                return session
        return None

    def _is_of_another_payment(self, event: Mapping[str, Any]) -> bool:
        """A refund from the Dashboard and a dispute have no mark; the payment that they are about may."""
        if not event["type"].startswith(("payment_intent.", "refund.", "charge.dispute.")):
            return False
        told = event["data"]["object"]
        about = self._world.stripe.get("payment_intent", told.get("payment_intent") or told["id"])
        return about is None or about["metadata"].get("managed_by") != OWNER_MARK

    def _fail(self, what: str) -> None:
        self._world.fail(what)


def _kinds(facts: Facts) -> set[str]:
    return {str(fact["kind"]) for fact in facts.values()}


def _position(item: Any) -> int:
    return int(item["position"]["N"]) if item else 0


def _asked_at(item: Any) -> int:
    return int((item or {}).get("asked_at", {}).get("N", 0))


_parsed: dict[str, Any] = {}
_read_entries: dict[int, tuple[Any, ledger.Entry]] = {}


def _json(text: str) -> Any:
    """Parsed once: what is stored is never changed in place."""
    if len(_parsed) > 5_000:
        _parsed.clear()
    if text not in _parsed:
        _parsed[text] = json.loads(text)
    return _parsed[text]


def _read(item: Any) -> ledger.Entry:
    if len(_read_entries) > 5_000:
        _read_entries.clear()
    known = _read_entries.get(id(item))
    if known is None or known[0] is not item:
        known = (item, entry_in(item))
        _read_entries[id(item)] = known
    return known[1]
