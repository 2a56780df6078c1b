"""What must hold of charges after every step of a world, and what once everything has arrived.

The rules are written anew here, from what is stored, in the order in which it was committed, and from what
Stripe says. Only the class of a failure, the calendar and a chain's hashes are taken from the code.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mandates.core.charging.calendar import calendar_period
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.facts import charge_fact_from_plain, declined_attempts
from mandates.core.facts import merge, to_plain
from mandates.core.ledger import GENESIS, first_broken
from mandates.core.retention import ERASURE
from tests.simulation.dynamodb import Write
from tests.simulation.notice_invariants import NoticeInvariants, notice_record
from tests.simulation.reality import OWNER_MARK
from tests.simulation.refund_invariants import RefundInvariants, open_disputes, pending_refunds
from tests.simulation.tasks import Call, Fault, Task

if TYPE_CHECKING:
    from tests.simulation.world import World

KEY_SECONDS = 24 * 3600
"""Stripe forgets a key after that."""
ASKED_AGAIN_SECONDS = 23 * 3600
"""So long the same call is made again, and an intent that is read proves no failure."""
FORGED = "forged"
"""The description of an intent that somebody else made with our marks."""
MOST_ATTEMPTS, MOST_DECLINES = 10, 10
CAN_BE_CANCELED = {"requires_payment_method", "requires_confirmation", "requires_action"}

Facts = Mapping[str, Any]


@dataclass
class Seen:
    """What was committed about a charge so far. The numbers are those of commits."""

    begun: dict[int, int] = field(default_factory=dict)
    intent_at: int | None = None
    ends_at: int | None = None
    late: dict[str, int] = field(default_factory=dict)
    """By what it holds too late: a period (with the amount), a window or the reference."""


@dataclass
class Held:
    """What is held under one key: minor units, by which charges, and how many declines were counted."""

    used: int = 0
    by: set[str] = field(default_factory=set)
    declined: int = 0


class ChargeInvariants:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._notices = NoticeInvariants(world)
        self._refunds = RefundInvariants(world)
        self._commits = 0
        self._dirty: set[str] = set()
        self._money_moved = False
        self._seen: dict[str, Seen] = defaultdict(Seen)
        self._withdrawn_at: dict[str, int] = {}
        self._paused_at: int | None = None
        self._began_at: dict[str, int] = {}
        self._made_by: dict[str, Task | None] = {}
        self._keys: dict[str, Any] = {}

    def all_told(self) -> None:
        """The bus has heard of every entry of every charge, in order, but for what it refuses for good."""
        aws = self._world.aws
        for (_, record), head in aws.items("charges").items():
            if record.startswith("charge#"):
                charge_id = record.removeprefix("charge#")
                numbers = range(1, int(head["entries"]["N"]) + 1)
                expected = [number for number in numbers if (charge_id, number) not in aws.refused]
                if aws.published.numbers.get(charge_id) != expected:
                    self._fail(f"of {charge_id} were published {aws.published.numbers.get(charge_id)}")

    # ------------------------------------------------------------------------------------ what happened

    def wrote(self, writes: Sequence[Write], status: Callable[[Any], str]) -> None:
        """One commit."""
        self._commits += 1
        for write in writes:
            if write.table.name == "charges":
                self._wrote(write, status)
            elif write.table.name in {"mandates", "stripe_subjects"}:
                self._note_withdrawals(write, status)

    def _note_withdrawals(self, write: Write, status: Callable[[Any], str]) -> None:
        heads = self._world.aws.items("mandates")
        if write.key[-1] == "head":
            self._check_what_a_charge_withdrew(write)
        known = (
            [write.key[0]]
            if write.table.name == "mandates"
            else [key[0] for key in heads if key[1] == "head"]
        )
        for mandate_id in known:
            head = heads.get((mandate_id, "head"))
            if head and mandate_id not in self._withdrawn_at and status(head) == "revoked":
                self._withdrawn_at[mandate_id] = self._commits

    def _check_what_a_charge_withdrew(self, write: Write) -> None:
        """A refused charge withdraws nothing that is in order at Stripe."""
        known, now = _facts(write.before), _facts(write.after)
        if "charge_mandate_invalid" not in now.keys() - known.keys():
            return
        named = {one for fact in now.values() for one in fact["ids"].get("stripe_mandate", ())}
        if all(self._world.stripe.find("mandate", one)["status"] == "active" for one in named):
            self._fail(f"{write.key[0]} is withdrawn because of a charge, and {named} are in order at Stripe")

    def _wrote(self, write: Write, status: Callable[[Any], str]) -> None:
        mandate_id, record = write.key
        kind = record.partition("#")[0]
        if record == "pause":
            paused = write.after is not None and "paused" in write.after
            if not paused:
                self._paused_at = None
            elif self._paused_at is None:
                self._paused_at = self._commits
            return
        self._dirty.add(mandate_id)
        if kind == "entry" and write.before is not None:
            self._fail(f"the entry {write.key} was replaced")
        if kind == "charge":
            self._wrote_head(write, status)
        if kind == "notice":
            self._notices.wrote(write, self._status(mandate_id, status))

    def _wrote_head(self, write: Write, status: Callable[[Any], str]) -> None:
        if write.after is None:
            self._fail(f"{write.key} was deleted")
            return
        charge_id = write.key[1].removeprefix("charge#")
        before, after = _facts(write.before), _facts(write.after)
        seen = self._seen[charge_id]
        begun = {int(fact["qualifier"]) for fact in _of(after, "attempt_begun")}
        if write.before is None:
            self._may_begin(write.key[0], status, f"{charge_id} was reserved")
            register = self._world.aws.items("charges").get((write.key[0], "register"), {})
            if "disputes" in register:
                self._fail(f"{charge_id} was reserved while {register['disputes']} are open")
            self._notices.reserved(charge_id, after)
        for attempt in sorted(begun - seen.begun.keys()):
            seen.begun[attempt] = self._commits
            self._may_begin(write.key[0], status, f"attempt {attempt} of {charge_id} was begun")
            self._begins_rightly(charge_id, attempt, before, after)
            self._notices.begun(charge_id, attempt, after)
        if "intent_created" in after and seen.intent_at is None:
            seen.intent_at = self._commits
        if "ending" in after and seen.ends_at is None:
            seen.ends_at = self._commits
        self._refunds.wrote(charge_id, before, after)
        reason = after["ending"]["detail"]["reason"] if "ending" in after.keys() - before.keys() else ""
        if reason == "withdrawn" and self._status(write.key[0], status) != "revoked":
            self._fail(f"{charge_id} ends as withdrawn, and its mandate is not")
        if write.before is not None:
            self._note_late(write.after, before, after, seen)
            self._check_failures(charge_id, before, after)

    def _status(self, mandate_id: str, status: Callable[[Any], str]) -> str | None:
        head = self._world.aws.items("mandates").get((mandate_id, "head"))
        return status(head) if head else None

    def _may_begin(self, mandate_id: str, status: Callable[[Any], str], what: str) -> None:
        """As it is once this is committed: what it stands on was committed before."""
        if (now := self._status(mandate_id, status)) != "active":
            self._fail(f"{what} though its mandate is {now}")
        if self._paused_at is not None:
            self._fail(f"{what} though charging is paused")

    def _begins_rightly(self, charge_id: str, attempt: int, before: Facts, after: Facts) -> None:
        what, begun = f"attempt {attempt} of {charge_id}", after[f"attempt_begun#{attempt}"]
        numbers = [int(fact["qualifier"]) for fact in before.values() if fact["kind"].startswith("attempt_")]
        if attempt != max(numbers, default=0) + 1:
            self._fail(f"{what} follows {numbers}")
        if "ending" in before or "intent_canceled" in before or _of(before, "attempt_succeeded"):
            self._fail(f"{what} was begun though it ends: {sorted(before)}")
        if "intent_created" not in after:
            self._fail(f"{what} was begun without an intent")
        newest = max(fact["at"] for fact in before.values() if fact["source"].startswith("api:"))
        if begun["at"] < newest:
            self._fail(f"{what} was begun at {begun['at']}, before {newest}")
        if begun["at"] >= int(after["reserved"]["detail"]["charge_by"]):
            self._fail(f"{what} was begun after charge_by")
        if attempt - len(_of(before, "attempt_failed")) + len(_declined(before)) > MOST_ATTEMPTS:
            self._fail(f"{what} is one too many")
        mandate_id = _mandate_of(charge_id)
        declines = self._world.aws.items("charges").get(
            (mandate_id, f"declines#{begun['detail']['day']}"), {}
        )
        if int(declines.get("declined", {"N": "0"})["N"]) >= MOST_DECLINES:
            self._fail(f"{what} was begun after the declines of the day")

    def _note_late(self, item: Any, before: Facts, after: Facts, seen: Seen) -> None:
        """A success that is heard of when its room was given up, or held in another period."""
        period = period_of(after)
        if holds_room(after) and period and (not holds_room(before) or _moves_back(before, after)):
            seen.late[f"period#{period}"] = int(after["reserved"]["detail"]["amount"])
        if holds_room(after) and not holds_room(before):
            for record in self._held(item, after):
                seen.late[record] = 1

    def _check_failures(self, charge_id: str, before: Facts, after: Facts) -> None:
        """While its call may be under way, nothing but Stripe's answer says that an attempt failed."""
        for key in after.keys() - before.keys():
            kind, _, number = key.partition("#")
            if kind != "attempt_failed" or f"charge/{charge_id}/attempt/{number}" in self._keys:
                continue
            begun = after.get(f"attempt_begun#{number}")
            if begun and self._world.clock.now - begun["at"] < ASKED_AGAIN_SECONDS:
                self._fail(f"attempt {number} of {charge_id} has failed, of which Stripe has not heard")

    # ------------------------------------------------------------------------------------------- Stripe

    def began(self, task: Task) -> None:
        self._began_at[task.name] = self._commits

    def sent(self, task: Task | None, call: Call) -> None:
        """A request reaches Stripe."""
        if task is None or not call.writes:
            return
        _, _, path = call.operation.partition(" /v1/")
        self._money_moved |= path.startswith(("payment_intents", "refunds"))
        if path == "refunds":
            self._refunds.sent(task, call, lambda charge_id: _facts(self._head(charge_id)))
        if path == "payment_intents":
            self._check_create(task, call.parameters)
        if path.startswith("payment_intents/") and path.endswith("/confirm"):
            self._check_confirm(task, path.split("/")[1], call.parameters)
        if path.startswith("payment_methods/") and path.endswith("/detach"):
            self._check_detach(task, path.split("/")[1])

    def _check_create(self, task: Task, given: Mapping[str, Any]) -> None:
        charge_id = given["key"].split("/")[1] if given["key"].startswith("charge/chg_") else None
        if charge_id is None or charge_id not in unquote(str(given["body"])):
            self._fail(f"{task} creates an intent under {given['key']}: {given['body']}")
        if self._keys.setdefault(given["key"], given["body"]) != given["body"]:
            self._fail(f"{task} creates an intent under {given['key']} with other parameters than before")

    def _check_confirm(self, task: Task, intent_id: str, given: Mapping[str, Any]) -> None:
        if not given["key"].startswith("charge/chg_"):
            self._fail(f"{task} confirms {intent_id} under {given['key']}")
        _, charge_id, _, number = given["key"].split("/")
        what = f"{task} confirms attempt {number} of {charge_id}"
        if int(number) not in self._seen[charge_id].begun:
            self._fail(f"{what}, which was not begun")
            return
        facts = _facts(self._head(charge_id))
        if intent_id not in _intents(facts):
            self._fail(f"{what} with another intent")
        self._check_parameters(what, given)
        began, begun = self._began_at.get(task.name, self._commits), facts[f"attempt_begun#{number}"]
        if self._world.clock.now - begun["at"] >= KEY_SECONDS:
            self._fail(f"{what}, whose key Stripe may have forgotten")
        if self._has_period_ended(begun, task.started_at):
            self._fail(f"{what}, whose period had ended before")
        if self._withdrawn_at.get(_mandate_of(charge_id), self._commits + 1) <= began:
            self._fail(f"{what} though its mandate was withdrawn before")
        if self._paused_at is not None and self._paused_at <= began:
            self._fail(f"{what} though charging was paused before")
        ends_at = self._seen[charge_id].ends_at
        if ends_at is not None and ends_at <= began:
            self._fail(f"{what} though it was ending before")

    def _check_parameters(self, what: str, given: Mapping[str, Any]) -> None:
        if self._keys.setdefault(given["key"], given["body"]) != given["body"]:
            self._fail(f"{what} with other parameters than before")
        for needed in ("payment_method=pm_", "off_session=true", "error_on_requires_action=true"):
            if needed not in str(given["body"]).lower():
                self._fail(f"{what} without {needed}: {given['body']}")

    def _has_period_ended(self, begun: Any, at: float) -> bool:
        limit = self._world.terms.limits.per_period
        if limit is None or at < begun["at"]:
            return False
        now = calendar_period(limit.period, int(at), self._world.terms.zone)
        return bool(now.key != begun["detail"]["period"])

    def _check_detach(self, task: Task, method_id: str) -> None:
        """What can be cancelled was: of the charges whose intent was known when this began. Where Stripe says
        that it does not know an intent, that holds nothing up."""
        if Fault.MISSING in task.faults:
            return
        began = self._began_at.get(task.name, self._commits)
        for charge_id, item in self._charges():
            seen, named = self._seen[charge_id], f'"{method_id}"'
            head = self._world.aws.items("mandates").get((_mandate_of(charge_id), "head"))
            if not head or named not in head["facts"]["S"] or seen.intent_at is None:
                continue
            for intent_id in _intents(_facts(item)) if seen.intent_at <= began else ():
                status = self._world.stripe.find("payment_intent", intent_id)["status"]
                if status in CAN_BE_CANCELED:
                    self._fail(f"{task} detaches {method_id} while {intent_id} of {charge_id} is {status}")

    # ---------------------------------------------------------------------------------- after every step

    def check(self) -> None:
        for mandate_id in sorted(self._dirty):
            self._check_mandate(mandate_id)
        self._dirty.clear()
        if self._money_moved:
            self._check_money()
            self._refunds.check_money()
            self._money_moved = False

    def _check_mandate(self, mandate_id: str) -> None:
        charges = [(one, item) for one, item in self._charges() if _mandate_of(one) == mandate_id]
        for charge_id, item in charges:
            self._check_charge(charge_id, item)
        self._check_register(mandate_id, charges)
        self._check_usage(mandate_id, charges)
        self._refunds.check_register(mandate_id, [_facts(item) for _, item in charges])

    def _check_charge(self, charge_id: str, item: Any) -> None:
        facts, rows = _facts(item), self._world.aws.items("charges")
        mandate_id = _mandate_of(charge_id)
        prefix = f"entry#{charge_id}#"
        keys = sorted(key for key in rows if key[0] == mandate_id and key[1].startswith(prefix))
        entries = [_entry(rows[key]) for key in keys]
        length, tip = int(item["entries"]["N"]), item["head_hash"]["S"]
        if (broken := first_broken(entries, length=length, head_hash=tip)) is not None:
            self._fail(f"the chain of {charge_id} is broken at {broken}")
        told = [charge_fact_from_plain(fact) for entry in entries for fact in entry.facts]
        if facts != {key: to_plain(fact) for key, fact in merge({}, told).items()}:
            self._fail(f"the facts of {charge_id} are not those of its chain: {facts}")
        sources = Counter(entry.source for entry in entries if entry.source.startswith("evt_"))
        if twice := [source for source, times in sources.items() if times > 1]:
            self._fail(f"{charge_id} has several entries of {twice}")
        final = is_final(facts)
        if (entries[-1].status in {"succeeded", "failed", "canceled"}) is not final:
            self._fail(f"{charge_id} is {entries[-1].status} and has {sorted(facts)}")
        at_rest = final and not pending_refunds(facts)
        if at_rest is ("due_at" in item) or at_rest is ("due_shard" in item):
            self._fail(f"{charge_id} is {entries[-1].status} and due at {item.get('due_at')}")
        settled = at_rest and not open_disputes(facts)
        if settled is ((mandate_id, f"open#{charge_id}") in rows):
            self._fail(f"{charge_id} is {entries[-1].status}, and listed as open or not")
        for intent_id in facts.get("intent_created", {"ids": {"payment_intent": []}})["ids"][
            "payment_intent"
        ]:
            claim = self._world.aws.items("stripe_subjects").get((f"payment_intent#{intent_id}",), {})
            if claim.get("charge_id") != {"S": charge_id}:
                self._fail(f"{charge_id} has {intent_id}, which is claimed by {claim}")

    def _check_register(self, mandate_id: str, charges: Sequence[tuple[str, Any]]) -> None:
        """Charges and notices have the numbers from 1, each with the link before it, and the register ends
        there."""
        rows, link, links = self._world.aws.items("charges"), GENESIS, self._notices.links(mandate_id)
        for charge_id, head in charges:
            entry = _entry(rows[mandate_id, f"entry#{charge_id}#000001"])
            permission = entry.permission or {}
            if int(head["register_number"]["N"]) != permission.get("number"):
                self._fail(f"{charge_id} is another number in the register than it says: {permission}")
            links.append((permission.get("number", 0), permission.get("previous", ""), entry.hash))
        for number, (said, previous, its_own) in enumerate(sorted(links), start=1):
            if (said, previous) != (number, link):
                self._fail(f"{mandate_id}: number {number} of the register is {said}, after {previous}")
            link = its_own
        register = rows.get((mandate_id, "register"), {"entries": {"N": "0"}, "head_hash": {"S": GENESIS}})
        if (int(register["entries"]["N"]), register["head_hash"]["S"]) != (len(links), link):
            self._fail(f"{mandate_id}: the register does not end with what is newest")

    def _check_usage(self, mandate_id: str, charges: Sequence[tuple[str, Any]]) -> None:
        """What is stored of periods, windows, references and declines is what the charges hold. While the
        customer is erased, references go one after the other; nothing can be charged any more by then."""
        held, late = self._held_by(charges)
        if self._is_being_erased(mandate_id):
            held = {record: one for record, one in held.items() if not record.startswith("reference#")}
        limit = self._world.terms.limits.per_period
        for (owner, record), row in self._world.aws.items("charges").items():
            stored, expected = _stored(row), held.pop(record, Held())
            if owner != mandate_id or stored is None:
                held[record] = expected
                continue
            if record.startswith("reference#") and self._is_being_erased(mandate_id):
                continue
            if stored != expected:
                self._fail(f"{mandate_id}: {record} says {stored}, and its charges {expected}")
            if limit and stored.used > limit.amount + late[record]:
                self._fail(
                    f"{mandate_id}: {record} has {stored} of {limit.amount}, {late[record]} of it late"
                )
            if len(stored.by) > 1 + late[record]:
                self._fail(f"{mandate_id}: {record} has {stored}, {late[record]} of them late")
        if missing := {record: one for record, one in held.items() if one != Held()}:
            self._fail(f"{mandate_id}: nothing is stored of {missing}")

    def _is_being_erased(self, mandate_id: str) -> bool:
        head = self._world.aws.items("mandates").get((mandate_id, "head"))
        return head is not None and f'"{ERASURE}"' in head["facts"]["S"]

    def _held_by(self, charges: Sequence[tuple[str, Any]]) -> tuple[dict[str, "Held"], Counter[str]]:
        held, late = defaultdict[str, Held](Held), Counter[str]()
        for charge_id, item in charges:
            facts = _facts(item)
            late.update(self._seen[charge_id].late)
            for attempt in _declined(facts):
                held[f"declines#{facts[f'attempt_begun#{attempt}']['detail']['day']}"].declined += 1
            if not holds_room(facts):
                continue
            if period := period_of(facts):
                held[f"period#{period}"].used += int(facts["reserved"]["detail"]["amount"])
            for record in self._held(item, facts):
                held[record].by.add(charge_id)
        return dict(held), late

    def _check_money(self) -> None:
        """At most one success per charge, and only of intents that were recorded and begun."""
        taken: Counter[str] = Counter()
        for charge in self._world.objects("charge"):
            intent = self._world.stripe.find("payment_intent", charge["payment_intent"])
            ours = intent["metadata"].get("managed_by") == OWNER_MARK and intent["description"] != FORGED
            if ours and charge["status"] == "succeeded":
                taken[intent["metadata"]["charge_id"]] += 1
        for charge_id, times in taken.items():
            if times > 1:
                self._fail(f"the money of {charge_id} was taken {times} times")
            if not self._seen[charge_id].begun:
                self._fail(f"the money of {charge_id} was taken, and nothing was begun")

    # -------------------------------------------------------------------------------- once all has arrived

    def converged(self, *, is_over: bool) -> None:
        """What Stripe says of every charge, and of every intent with our mark. `is_over`: every charge has
        ended, and every refund is decided."""
        self.check()
        recorded: set[str] = set()
        for charge_id, item in self._charges():
            facts = _facts(item)
            recorded.update(_intents(facts))
            for intent_id in _intents(facts):
                intent = self._world.stripe.find("payment_intent", intent_id)
                self._check_against_stripe(charge_id, facts, intent)
                self._refunds.converged(charge_id, facts, intent, is_over=is_over)
        self._check_unused(recorded)

    def _check_unused(self, recorded: set[str]) -> None:
        """Whoever made an intent in vain cancelled it, unless they died or Stripe was down meanwhile."""
        for intent in self._world.objects("payment_intent"):
            ours = intent["metadata"].get("managed_by") == OWNER_MARK and intent["description"] != FORGED
            maker = self._made_by.get(intent["id"])
            if not ours or intent["id"] in recorded or maker is None or maker.faults or maker.timed_out:
                continue
            if intent["status"] != "canceled":
                self._fail(f"{intent['id']} was made by {maker}, is not recorded, and is {intent['status']}")

    def made(self, task: Task | None, call: Call) -> None:
        """What a task made at Stripe, crashed or not."""
        if call.operation != "POST /v1/payment_intents":
            return
        for intent in self._world.objects("payment_intent"):
            self._made_by.setdefault(intent["id"], task)

    def _check_against_stripe(self, charge_id: str, facts: Facts, intent: Any) -> None:
        succeeded = bool(_of(facts, "attempt_succeeded"))
        if succeeded is not (intent["status"] == "succeeded"):
            self._fail(f"{charge_id} has {sorted(facts)}, and {intent['id']} is {intent['status']}")
        # An intent that was recorded after its charge had ended is cancelled at once. A crash right there
        # leaves it, but without a payment method it can't take money.
        can_take_money = intent["payment_method"] is not None or bool(_of(facts, "attempt_begun"))
        if is_final(facts) and not succeeded and intent["status"] != "canceled" and can_take_money:
            self._fail(f"{charge_id} has ended, and {intent['id']} is {intent['status']}")
        # One that was cancelled in the Dashboard before it was recorded is found out by the first attempt.
        if not is_final(facts) and intent["status"] == "canceled" and _of(facts, "attempt_begun"):
            self._fail(f"{charge_id} has {sorted(facts)}, and {intent['id']} is cancelled")

    def ends(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for charge_id, item in self._charges():
            entry = self._world.aws.items("charges")[
                _mandate_of(charge_id), f"entry#{charge_id}#{int(item['entries']['N']):06}"
            ]
            counted[f"charges {entry['status']['S']} in the end"] += 1
        return counted

    # ------------------------------------------------------------------------------------ what is stored

    def ids(self, *, succeeded: bool) -> list[str]:
        """Of the charges that have, or have not, taken their money as far as is known."""
        found = [(charge_id, _facts(item)) for charge_id, item in self._charges()]
        return [one for one, facts in found if bool(_of(facts, "attempt_succeeded")) is succeeded]

    def _charges(self) -> Iterator[tuple[str, Any]]:
        for (_, record), item in sorted(self._world.aws.items("charges").items()):
            if record.startswith("charge#"):
                yield record.removeprefix("charge#"), item

    def _head(self, charge_id: str) -> Any:
        return self._world.aws.items("charges").get((_mandate_of(charge_id), f"charge#{charge_id}"))

    def _held(self, item: Any, facts: Facts) -> list[str]:
        said = facts["reserved"]["detail"]
        notice = [notice_record(said)] if "notice" in said else []
        window = said.get("window")
        written = json.loads(item["personal"]["S"]).get("reference")  # none once it is erased
        reference = hashlib.sha256(written["value"].encode()).hexdigest() if written else None
        held = {"window": window, "reference": reference}
        return [*(f"{name}#{key}" for name, key in held.items() if key), *notice]

    def _fail(self, what: str) -> None:
        self._world.fail(what)


def _stored(row: Any) -> Held | None:
    """None if it is an item of another kind."""
    if not row["record"]["S"].startswith(("period#", "window#", "reference#", "declines#", "notice#")):
        return None
    return Held(
        int(row.get("used", {"N": "0"})["N"]),
        set(row.get("charge_ids", {"SS": []})["SS"]),
        int(row.get("declined", {"N": "0"})["N"]),
    )


def holds_room(facts: Facts) -> bool:
    if _of(facts, "attempt_succeeded"):
        return True
    attempted = any(fact["kind"].startswith("attempt_") for fact in facts.values())
    return bool(facts) and "intent_canceled" not in facts and ("ending" not in facts or attempted)


def is_final(facts: Facts) -> bool:
    return bool(_of(facts, "attempt_succeeded")) or not holds_room(facts)


def period_of(facts: Facts) -> str | None:
    """Of the attempt that took the money, else of the newest, else of the reservation."""
    succeeded = [int(fact["qualifier"]) for fact in _of(facts, "attempt_succeeded")]
    attempts = [int(fact["qualifier"]) for fact in facts.values() if fact["kind"].startswith("attempt_")]
    counts = min(succeeded, default=0) or max(attempts, default=0)
    begun = facts.get(f"attempt_begun#{counts}", facts["reserved"])
    period: str | None = begun["detail"].get("period")
    return period


def _intents(facts: Facts) -> list[str]:
    """Of Stripe's: the ids that are recorded."""
    created = facts.get("intent_created")
    return list(created["ids"]["payment_intent"]) if created else []


def _declined(facts: Facts) -> frozenset[int]:
    return declined_attempts({key: charge_fact_from_plain(fact) for key, fact in facts.items()})


def _of(facts: Facts, kind: str) -> list[Any]:
    return [fact for fact in facts.values() if fact["kind"] == kind]


def _mandate_of(charge_id: str) -> str:
    return f"mdt_{charge_id[4:28]}"


def _moves_back(before: Facts, after: Facts) -> bool:
    known, now = _of(before, "attempt_succeeded"), _of(after, "attempt_succeeded")
    return bool(now) and not known and period_of(before) != period_of(after)


def _entry(item: Any) -> ChargeEntry:
    texts = ("charge_id", "recorded_at", "source", "status", "previous_hash", "hash")
    return ChargeEntry(
        format=int(item["format"]["N"]),
        number=int(item["number"]["N"]),
        facts=tuple(json.loads(item["facts"]["S"])),
        permission=json.loads(item["permission"]["S"]) if "permission" in item else None,
        commitments=json.loads(item["commitments"]["S"]) if "commitments" in item else {},
        **{name: item[name]["S"] for name in texts},
    )


_parsed: dict[str, Facts] = {}


def _facts(item: Any) -> Facts:
    if item is None:
        return {}
    text = item["facts"]["S"]
    if len(_parsed) > 5_000:
        _parsed.clear()
    if text not in _parsed:
        _parsed[text] = json.loads(text)
    return _parsed[text]
