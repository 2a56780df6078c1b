"""Whether everything came out right: what lies in the tables against what Stripe says.

Read from the tables themselves and from Stripe's API, not through the code that wrote them. What is
shared with it is the core: the ledger's hashes and the meaning of facts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mandates.core.changes import stands_on
from mandates.core.facts import Facts, Kind, all_from_plain, has
from mandates.core.faults import faults
from mandates.core.ledger import Entry, PersonalValue, first_unsound
from mandates.core.mandate import Mandate, Status, status
from mandates.core.record import Record
from mandates.core.stripe_events.projection import HANDLED_TYPES, METADATA_CUSTOMER, METADATA_MANDATE
from mandates.core.terms import Terms
from mandates.core.terms import terms_from_plain as from_document
from mandates.store.mandates import entry_from_row, mandate_of
from mandates.store.tables import EntryRow, EventRow, HeadRow, PersonalRow, SubjectRow, TermsRow
from tests.live.stack import Json, LiveStack

_EXPANDED = ("customer", "setup_intent.payment_method", "setup_intent.mandate")


@dataclass
class Stored:
    """All there is in the tables."""

    heads: dict[str, Mandate] = field(default_factory=dict)
    ledgers: dict[str, list[tuple[int, Entry | None]]] = field(default_factory=lambda: defaultdict(list))
    personal: dict[str, dict[int, dict[str, PersonalValue]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    subjects: dict[str, Facts] = field(default_factory=dict)
    terms: dict[str, Terms] = field(default_factory=dict)
    """By version."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """What became of each event, by its id."""

    @property
    def entries(self) -> int:
        return sum(map(len, self.ledgers.values()))

    def status(self, mandate_id: str) -> Status:
        head = self.heads[mandate_id]
        return status(head.facts, *(self.subjects.get(key, {}) for key in stands_on(head, head.facts)))


@dataclass
class Verdict:
    problems: list[str]
    statuses: Counter[str]
    events: int
    """Of the handled types, that Stripe raised."""
    attempts: int
    accepted: int
    """Answered with 200: each stands in the queue from then on."""
    twice: int
    """Accepted deliveries of events that had been accepted before."""
    mandates: int
    entries: int
    outcomes: Counter[str]


def judge(stack: LiveStack, mandates: Sequence[str] | None = None) -> Verdict:
    """Judge these mandates, or all there are. No problems: nothing lost or doubled, all as Stripe says."""
    stored = read(stack)
    events = [event for event in stack.stripe_events() if event["type"] in HANDLED_TYPES]
    chosen = list(stored.heads if mandates is None else mandates)
    problems = [*problems_in(stored, chosen, _sessions(stack), events), *_doubled_customers(stack)]
    answers = [
        [answer for delivery in event["deliveries"] for answer in delivery["answers"]] for event in events
    ]
    accepted = [sum(answer == 200 for answer in of_one) for of_one in answers]
    return Verdict(
        problems=problems,
        statuses=Counter(stored.status(mandate_id) for mandate_id in chosen if mandate_id in stored.heads),
        events=len(events),
        attempts=sum(map(len, answers)),
        accepted=sum(accepted),
        twice=sum(count - 1 for count in accepted if count > 1),
        mandates=len(chosen),
        entries=stored.entries,
        outcomes=Counter(stored.outcomes.values()),
    )


def read(stack: LiveStack) -> Stored:
    stored = Stored()
    for item in stack.items("mandates"):
        _read_of_a_mandate(item, stored)
    for item in stack.items("stripe_subjects"):
        subject = SubjectRow.from_raw_data(item)
        stored.subjects[subject.subject] = all_from_plain(subject.facts or {})
    for item in stack.items("terms"):
        if item["record"]["S"] == "version":
            terms = from_document(TermsRow.from_raw_data(item).document)
            stored.terms[terms.version] = terms
    for item in stack.items("events"):
        event = EventRow.from_raw_data(item)
        if event.record == "event":
            stored.outcomes[event.event_id] = event.outcome
    for ledger in stored.ledgers.values():
        ledger.sort(key=lambda numbered: numbered[0])
    return stored


def _read_of_a_mandate(item: Json, stored: Stored) -> None:
    mandate_id, (kind, _, number) = item["mandate_id"]["S"], item["record"]["S"].partition("#")
    if kind == HeadRow.RECORD:
        stored.heads[mandate_id] = mandate_of(HeadRow.from_raw_data(item))
    elif f"{kind}#" == EntryRow.PREFIX:
        stored.ledgers[mandate_id].append((int(number), entry_from_row(EntryRow.from_raw_data(item))))
    elif f"{kind}#" == PersonalRow.PREFIX:
        kept = PersonalRow.from_raw_data(item).values
        values = {name: PersonalValue(**value) for name, value in kept.items()}
        stored.personal[mandate_id][int(number)] = values


def problems_in(
    stored: Stored, mandates: Sequence[str], sessions: Mapping[str, Sequence[Json]], events: Sequence[Json]
) -> Iterator[str]:
    """What is wrong with these mandates, given Stripe's sessions by mandate and the events it raised."""
    yield from _lost(stored, events)
    for mandate_id in mandates:
        if mandate_id not in stored.heads:
            yield f"{mandate_id} was answered and is not there"
            continue
        yield from _record_problems(stored, mandate_id)
        yield from _disagreements(stored, mandate_id, sessions.get(mandate_id, []))


def _lost(stored: Stored, events: Sequence[Json]) -> Iterator[str]:
    """Every event for our endpoint has a record, and every one that was ours is applied. Of a payment, it may
    add nothing: a charge cancels what it made and did not record."""
    for event in events:
        outcome = stored.outcomes.get(event["id"])
        adds_nothing = outcome == "ignored" and event["type"].startswith("payment_intent.")
        if outcome != "applied" and not adds_nothing:
            yield f"{event['id']} ({event['type']}) is {outcome or 'lost'}; {event['deliveries']}"


def _record_problems(stored: Stored, mandate_id: str) -> Iterator[str]:
    head, ledger = stored.heads[mandate_id], stored.ledgers[mandate_id]
    entries = [entry for _, entry in ledger if entry is not None]
    record = Record(
        mandate_id=mandate_id,
        entries=entries,
        first_broken=first_unsound(ledger, length=head.entries, head_hash=head.head_hash),
        personal=stored.personal[mandate_id],
        subjects=stored.subjects,
        terms=stored.terms.get(head.terms_version),
        head=head,
    )
    yield from (f"{mandate_id}: {fault}" for fault in faults(record))
    told = Counter(entry.source for entry in entries if entry.source.startswith("evt_"))
    for source, times in told.items():
        if times > 1:
            yield f"{mandate_id}: {source} stands in its ledger {times} times"


def _disagreements(stored: Stored, mandate_id: str, sessions: Sequence[Json]) -> Iterator[str]:
    head, here = stored.heads[mandate_id], stored.status(mandate_id)
    if len(sessions) > 1:
        yield f"{mandate_id} has {len(sessions)} sessions at Stripe"
        return
    expected = _says_stripe(sessions[0]) if sessions else Status.EXPIRED
    if has(head.facts, Kind.REVOKED):
        expected = Status.REVOKED
    elif has(head.facts, Kind.SESSION_CANCELLED) and expected is Status.PENDING:
        expected = Status.EXPIRED  # given up here: nobody was ever sent to that session
    if here is not expected:
        yield f"{mandate_id} is {here}, and by what Stripe says {expected}"
    if here is Status.REVOKED and sessions and _can_be_charged(sessions[0]):
        yield f"{mandate_id} is revoked, and its payment method is still attached at Stripe"


def _says_stripe(session: Json) -> Status:
    if (session["customer"] or {}).get("deleted"):
        return Status.REVOKED
    intent = session["setup_intent"] or {}
    if intent.get("status") == "succeeded":
        method, mandate = intent["payment_method"], intent["mandate"]
        withdrawn = method["customer"] is None or (mandate or {}).get("status") == "inactive"
        return Status.REVOKED if withdrawn else Status.ACTIVE
    return Status.EXPIRED if session["status"] == "expired" else Status.PENDING


def _can_be_charged(session: Json) -> bool:
    intent = session["setup_intent"] or {}
    method: Any = intent.get("payment_method") if intent.get("status") == "succeeded" else None
    return bool(method and method["customer"])


def _sessions(stack: LiveStack) -> dict[str, list[Json]]:
    """Stripe's sessions by our mandate's id."""
    found: dict[str, list[Json]] = defaultdict(list)
    expand = {f"expand[{number}]": f"data.{path}" for number, path in enumerate(_EXPANDED)}
    for session in stack.stripe_list("checkout/sessions", **expand):
        found[session["metadata"].get(METADATA_MANDATE)].append(session)
    return found


def _doubled_customers(stack: LiveStack) -> Iterator[str]:
    ours = Counter(customer["metadata"].get(METADATA_CUSTOMER) for customer in stack.stripe_list("customers"))
    for customer_id, times in ours.items():
        if customer_id is not None and times > 1:
            yield f"customer {customer_id} is {times} customers at Stripe"
