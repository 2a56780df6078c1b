"""What is stored of a mandate, whole and sound, for tests to alter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mandates.core.changes import Contribution, EventRecord, Subject, change, stands_on_after
from mandates.core.facts import Fact, Kind
from mandates.core.ledger import PersonalValue, first_broken
from mandates.core.record import Record
from mandates.core.retention import ERASURE
from mandates.core.terms import Terms
from ops.terms import load
from tests.unit.examples import (
    AT,
    NEW_MANDATE,
    RECORDED_AT,
    REVOKED,
    SESSION_COMPLETED,
    SESSION_CREATED,
    SETUP_FAILED,
    SETUP_SUCCEEDED,
    our_own,
    told_by_stripe,
)

TERMS = load(Path(__file__).parents[2] / "terms" / "example.yaml")
PERSONAL = {
    "source_ip": PersonalValue("203.0.113.7", "01" * 32),
    "user_agent": PersonalValue("Mozilla/5.0", "02" * 32),
    "subject": PersonalValue(NEW_MANDATE.customer_id, "03" * 32),
}
ERASED = Fact(Kind.REVOKED, AT + 500, ERASURE, detail={"by": "operator"}, qualifier="erasure")
CUSTOMER_SUBJECT = f"stripe_customer#{NEW_MANDATE.stripe_customer_id}"
METHOD_SUBJECT = "payment_method#pm_example"


def set_up(
    failures: int = 0,
    *,
    terms: Terms = TERMS,
    revoked: bool = True,
    agent: str = "Mozilla/5.0",
    mandate_id: str = NEW_MANDATE.mandate_id,
) -> Record:
    """A mandate that was set up, after so many failed attempts, and perhaps revoked."""
    attempts = [
        told_by_stripe(replace(SETUP_FAILED, source=f"evt_failed_{number}", qualifier=f"setatt_{number}"))
        for number in range(failures)
    ]
    return recorded(
        [
            our_own(SESSION_CREATED),
            *attempts,
            told_by_stripe(SETUP_SUCCEEDED),
            told_by_stripe(SESSION_COMPLETED),
            *([our_own(REVOKED)] if revoked else []),
        ],
        terms=terms,
        personal={**PERSONAL, "user_agent": PersonalValue(agent, "02" * 32)},
        mandate_id=mandate_id,
    )


def recorded(
    after_the_consent: Sequence[Contribution],
    subjects: Mapping[str, Sequence[Fact]] | None = None,
    *,
    terms: Terms = TERMS,
    personal: Mapping[str, PersonalValue] = PERSONAL,
    mandate_id: str = NEW_MANDATE.mandate_id,
) -> Record:
    """A mandate and what was contributed to it, where its subjects have these facts from the beginning."""
    new = replace(
        NEW_MANDATE,
        mandate_id=mandate_id,
        terms_version=terms.version,
        terms_digest=terms.digest,
        wording_digest=terms.wording_digest(NEW_MANDATE.locale),
    )
    accepted = new.accepted(AT, "api:create_checkout_session")
    consent = Contribution(accepted.source, (accepted,), text=terms.wording(new.locale), personal=personal)
    told = [consent, *after_the_consent]
    facts = {key: {fact.key: fact for fact in of_one} for key, of_one in (subjects or {}).items()}
    standing = {key: Subject(key, facts.get(key, {})) for key in stands_on_after(new, told)}
    made = change(new, told, subjects=standing, recorded_at=RECORDED_AT)
    return Record(
        mandate_id=new.mandate_id,
        entries=made.entries,
        first_broken=None,
        personal=made.personal,
        subjects={key: subject.facts for key, subject in standing.items()},
        terms=terms,
        head=made.after,
    )


def of_a_subject(fact: Fact) -> Contribution:
    """As an event about a subject is told to each mandate that stands on it."""
    record = EventRecord(fact.source, scope=NEW_MANDATE.mandate_id)
    return Contribution(fact.source, (fact,), record, of_a_subject=True)


def read_again(record: Record) -> Record:
    """With `first_broken` as it is found when the entries are read."""
    assert record.head
    length, tip = record.head.entries, record.head.head_hash
    return replace(record, first_broken=first_broken(record.entries, length=length, head_hash=tip))
