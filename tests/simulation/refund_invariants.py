"""What must hold of refunds and disputes after every step of a world, and what once everything has arrived.

As in charge_invariants.py, the rules are written anew, from what is stored and from what Stripe says.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.simulation.tasks import Call, Task

if TYPE_CHECKING:
    from tests.simulation.world import World

KEY_SECONDS = 24 * 3600
"""Stripe forgets a key after that."""
UNDER_WAY_SECONDS = 120
"""A request that was sent before has arrived by then."""
REFUND_SECONDS = 90 * 24 * 3600
MOST_REFUNDS = 30
DECIDED = {"won", "lost", "warning_closed", "prevented"}
AT_STRIPE = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}

Facts = Mapping[str, Any]


class RefundInvariants:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._keys: dict[str, dict[str, str]] = {}

    # ------------------------------------------------------------------------------------ what happened

    def wrote(self, charge_id: str, before: Facts, after: Facts) -> None:
        """One commit of the charge's head."""
        for key in after.keys() - before.keys():
            if key.startswith("refund_requested#"):
                self._may_be_requested(f"{key} of {charge_id}", before, after, after[key])

            if key.startswith("refund_failed#") and after[key]["detail"].get("reason") == "not_answered":
                self._may_be_given_up(key.removeprefix("refund_failed#"))

    def _may_be_given_up(self, refund_id: str) -> None:
        """Whoever does so has looked at Stripe's list just before."""
        long_ago = self._world.clock.now - UNDER_WAY_SECONDS
        for refund in self._world.objects("refund"):
            if refund["metadata"].get("refund_id") == refund_id and refund["created"] < long_ago:
                self._fail(f"{refund_id} is given up, and Stripe has {refund['id']}")

    def _may_be_requested(self, what: str, before: Facts, after: Facts, request: Any) -> None:
        success = succeeded(before)
        if success is None:
            self._fail(f"{what}, which took no money: {sorted(before)}")
            return
        if request["at"] >= success["at"] + REFUND_SECONDS:
            self._fail(f"{what} at {request['at']}, more than 90 days after {success['at']}")
        if open_ones := sorted(open_disputes(before)):
            self._fail(f"{what} while {open_ones} are open")
        if sum(1 for key in after if key.startswith("refund_requested#")) > MOST_REFUNDS:
            self._fail(f"{what}, which is one too many")
        given, took = given_back(after), amount_of(after)
        if int(request["detail"]["amount"]) < 1 or given > took:
            self._fail(f"{what} makes {given} of {took}")

    def sent(self, task: Task, call: Call, facts_of: Any) -> None:
        """A request for a refund reaches Stripe."""
        key, body = call.parameters["key"], dict(parse_qsl(str(call.parameters["body"])))
        if not key.startswith("refund/rfn_"):
            self._fail(f"{task} makes a refund under {key}: {body}")
        refund_id = key.removeprefix("refund/")
        charge_id = f"chg_{refund_id[4:45]}"
        facts = facts_of(charge_id)
        request = facts.get(f"refund_requested#{refund_id}")
        if request is None:
            self._fail(f"{task} sends {refund_id}, which was not requested")
            return
        if self._keys.setdefault(key, body) != body:
            self._fail(f"{task} sends {refund_id} with other parameters than before: {body}")
        if self._world.clock.now - request["at"] >= KEY_SECONDS:
            self._fail(f"{task} sends {refund_id}, whose key Stripe may have forgotten")
        expected = {
            "amount": request["detail"]["amount"],
            "payment_intent": facts["intent_created"]["ids"]["payment_intent"][0],
            "metadata[refund_id]": refund_id,
            "metadata[charge_id]": charge_id,
        }
        if {name: body.get(name) for name in expected} != expected:
            self._fail(f"{task} sends {refund_id} as {body}, and not as {expected}")

    # ---------------------------------------------------------------------------------- after every step

    def check_money(self) -> None:
        """At Stripe: of each refund of ours at most one, and of each payment no more than it took."""
        ours, given = Counter[str](), Counter[str]()
        for refund in self._world.objects("refund"):
            ours[refund["metadata"].get("refund_id", "")] += 1
            if AT_STRIPE.get(refund["status"]) != "failed":
                given[refund["payment_intent"]] += refund["amount"]
        del ours[""]
        for refund_id, times in ours.items():
            if times > 1:
                self._fail(f"{refund_id} was made {times} times")
        for intent_id, amount in given.items():
            if amount > (took := self._world.stripe.find("payment_intent", intent_id)["amount_received"]):
                self._fail(f"{amount} of {took} of {intent_id} is given back")

    def check_register(self, mandate_id: str, charges: Sequence[Facts]) -> None:
        """It has the open disputes, which every reservation is conditional on."""
        row = self._world.aws.items("charges").get((mandate_id, "register"), {})
        stored = set(row.get("disputes", {"SS": []})["SS"])
        expected = set[str]().union(*map(open_disputes, charges))
        if stored != expected:
            self._fail(f"{mandate_id}: its register has the disputes {stored}, and its charges {expected}")

    # -------------------------------------------------------------------------------- once all has arrived

    def converged(self, charge_id: str, facts: Facts, intent: Any, *, is_over: bool) -> None:
        """Here and at Stripe there are the same refunds and disputes. `is_over`: nothing is under way."""
        listed = list(self._refunds_here(facts))
        if twice := [one for one, times in Counter(one for one, _ in listed).items() if times > 1]:
            self._fail(f"{charge_id} has several refunds that are one at Stripe: {twice}")
        here = dict(listed)
        there = {
            refund["id"]: (AT_STRIPE.get(refund["status"], "pending"), str(refund["amount"]))
            for refund in self._of(intent["id"], "refund")
        }
        if here != there:
            self._fail(f"{charge_id} has the refunds {here}, and Stripe {there}")
        if is_over and (pending := sorted(pending_refunds(facts))):
            self._fail(f"{charge_id} waits for {pending} for ever")
        disputes = {one["id"]: one["status"] for one in self._of(intent["id"], "dispute")}
        if statuses_of_disputes(facts) != disputes:
            self._fail(f"{charge_id} has the disputes {statuses_of_disputes(facts)}, and Stripe {disputes}")

    def _of(self, intent_id: str, kind: str) -> list[Any]:
        return [one for one in self._world.objects(kind) if one["payment_intent"] == intent_id]

    def _refunds_here(self, facts: Facts) -> Iterator[tuple[str, tuple[str, str]]]:
        for refund_id, told in refunds_of(facts).items():
            named = {one for fact in told.values() for one in fact["ids"].get("refund", ())}
            if len(named) > 1:
                self._fail(f"{refund_id} is {sorted(named)} at Stripe")
            for one in named:
                yield one, (status_of(told), told["refund_created"]["detail"]["amount"])

    def _fail(self, what: str) -> None:
        self._world.fail(what)


def refunds_of(facts: Facts) -> dict[str, dict[str, Any]]:
    """The facts of each refund, by their kinds."""
    found = defaultdict[str, dict[str, Any]](dict)
    for fact in facts.values():
        if fact["kind"].startswith("refund_"):
            found[fact["qualifier"]][fact["kind"]] = fact
    return dict(found)


def status_of(told: Mapping[str, Any]) -> str:
    if "refund_failed" in told:
        return "failed"
    return "succeeded" if "refund_succeeded" in told else "pending"


def pending_refunds(facts: Facts) -> set[str]:
    return {refund_id for refund_id, told in refunds_of(facts).items() if status_of(told) == "pending"}


def given_back(facts: Facts) -> int:
    """Minor units of refunds that have not failed, and of disputes that were lost."""
    told = [one for one in refunds_of(facts).values() if status_of(one) != "failed"]
    amounts = [(one.get("refund_created") or one["refund_requested"])["detail"]["amount"] for one in told]
    lost = [
        newest["detail"]["amount"]
        for newest in _newest_of_disputes(facts).values()
        if newest["detail"]["status"] == "lost"
    ]
    return sum(map(int, [*amounts, *lost]))


def succeeded(facts: Facts) -> Any:
    found = [fact for fact in facts.values() if fact["kind"] == "attempt_succeeded"]
    return min(found, key=lambda fact: int(fact["qualifier"]), default=None)


def amount_of(facts: Facts) -> int:
    return int(facts["reserved"]["detail"]["amount"])


def _newest_of_disputes(facts: Facts) -> dict[str, Any]:
    order = ("dispute_opened", "dispute_changed", "dispute_closed")
    told = sorted(
        (fact for fact in facts.values() if fact["kind"] in order),
        key=lambda fact: (fact["at"], order.index(fact["kind"])),
    )
    return {fact["qualifier"]: fact for fact in told}


def statuses_of_disputes(facts: Facts) -> dict[str, str]:
    return {one: newest["detail"]["status"] for one, newest in _newest_of_disputes(facts).items()}


def open_disputes(facts: Facts) -> set[str]:
    return {one for one, status in statuses_of_disputes(facts).items() if status not in DECIDED}
