"""What of a record follows from its ledger, and that everything else is a fault or says nothing."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from mandates.core.canonical import digest
from mandates.core.facts import Fact, Kind, merge
from mandates.core.faults import faults
from mandates.core.funding import Funding
from mandates.core.ledger import GENESIS, Entry, PersonalValue
from mandates.core.mandate import Mandate, Status
from mandates.core.record import Record, proven
from tests.unit.examples import (
    AT,
    CHARGE_MANDATE_INVALID,
    DELETED,
    DETACHED,
    MANDATE_INACTIVE,
    NEW_MANDATE,
    REVOKED,
    SESSION_CREATED,
    SESSION_EXPIRED,
    SETUP_CANCELED,
    SETUP_FAILED,
    SETUP_SUCCEEDED,
    our_own,
    told_by_stripe,
)
from tests.unit.records import (
    CUSTOMER_SUBJECT,
    ERASED,
    METHOD_SUBJECT,
    PERSONAL,
    TERMS,
    of_a_subject,
    read_again,
    recorded,
    set_up,
)

SET_UP = told_by_stripe(SETUP_SUCCEEDED)


def head(record: Record) -> Mandate:
    assert record.head
    return record.head


def with_head(record: Record, **changes: Any) -> Record:
    return replace(record, head=replace(head(record), **changes))


# ------------------------------------------------------------------------------------ what is sound


@pytest.mark.parametrize(
    ("record", "status"),
    [
        (recorded([]), Status.PENDING),
        (recorded([our_own(SESSION_CREATED), told_by_stripe(SETUP_FAILED)]), Status.PENDING),
        (recorded([told_by_stripe(SESSION_EXPIRED)]), Status.EXPIRED),
        (recorded([told_by_stripe(SETUP_CANCELED)]), Status.EXPIRED),
        (recorded([SET_UP]), Status.ACTIVE),
        (recorded([told_by_stripe(SESSION_EXPIRED), SET_UP]), Status.ACTIVE),
        (recorded([SET_UP, our_own(REVOKED)]), Status.REVOKED),
        (recorded([our_own(CHARGE_MANDATE_INVALID), SET_UP]), Status.REVOKED),
        (recorded([], {CUSTOMER_SUBJECT: [DELETED]}), Status.REVOKED),
        (recorded([SET_UP], {METHOD_SUBJECT: [DETACHED, MANDATE_INACTIVE]}), Status.REVOKED),
        (recorded([SET_UP, of_a_subject(DETACHED)], {METHOD_SUBJECT: [DETACHED]}), Status.REVOKED),
        (recorded([SET_UP, of_a_subject(DELETED)], {CUSTOMER_SUBJECT: [DELETED]}), Status.REVOKED),
        (replace(recorded([our_own(ERASED)]), personal={}), Status.REVOKED),
        (recorded([our_own(ERASED)]), Status.REVOKED),
    ],
)
def test_what_the_service_writes_has_no_faults_and_its_status(record: Record, status: Status) -> None:
    assert faults(record) == []
    assert proven(record).status is status


def test_the_head_that_is_worked_out_is_the_one_that_was_written() -> None:
    for record in (recorded([]), set_up(failures=3), recorded([SET_UP], {METHOD_SUBJECT: [DETACHED]})):
        assert proven(record).head == record.head


# ------------------------------------------------------------------------------------------ the head


OTHERWISE: dict[str, Any] = {
    "mandate_id": "mdt_other",
    "customer_id": "auth0|bob",
    "stripe_customer_id": "cus_other",
    "created_at": "2026-09-20T14:13:20.000Z",
    "terms_version": "2026-11-02",
    "terms_digest": "cd" * 32,
    "locale": "de",
    "wording_digest": "cd" * 32,
    "facts": {},
    "entries": 1,
    "head_hash": "cd" * 32,
}


def test_every_part_of_the_head_is_tried() -> None:
    beside_the_ledger = {"funding"}
    assert OTHERWISE.keys() | beside_the_ledger == {field.name for field in fields(Mandate)}


def test_the_card_behind_the_saved_account_follows_from_nothing_and_proves_nothing() -> None:
    sound = set_up()
    shown = with_head(sound, funding=Funding("Visa", "4242"))
    assert head(shown).funding
    assert faults(shown) == []
    assert proven(shown) == proven(sound)


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_head_that_says_otherwise_is_a_fault_and_not_believed(name: str) -> None:
    sound = set_up()
    altered = read_again(with_head(sound, **{name: OTHERWISE[name]}))
    assert len(faults(altered)) == 1
    if name not in {"entries", "head_hash"}:  # then it is the chain that is broken
        assert faults(altered) == [f"head: `{name}` does not follow from the ledger"]
        assert proven(altered) == proven(sound)


def test_a_mandate_that_was_never_set_up_is_not_made_active_by_its_head() -> None:
    pending = recorded([our_own(SESSION_CREATED)])
    forged = with_head(pending, facts=merge(head(pending).facts, [SETUP_SUCCEEDED]))
    assert proven(forged).status is Status.PENDING
    assert faults(forged) == ["head: `facts` does not follow from the ledger"]


def test_the_pseudonym_of_the_erased_is_no_fault() -> None:
    erased = replace(recorded([our_own(ERASED)]), personal={})
    assert faults(with_head(erased, customer_id="erased:0123")) == []
    assert proven(erased).customer_id is None
    assert proven(erased).erased


# -------------------------------------------------------------------------------------- the subjects


def test_a_detached_mandate_is_not_made_active_by_taking_the_fact_away() -> None:
    detached = recorded([SET_UP, of_a_subject(DETACHED)], {METHOD_SUBJECT: [DETACHED]})
    forged = replace(detached, subjects={})
    assert proven(forged).status is Status.REVOKED
    assert faults(forged) == [
        "payment_method pm_example: the ledger tells of detached, which is not stored there"
    ]


def test_an_entry_that_says_revoked_is_believed_when_its_reason_is_gone() -> None:
    """The customer was deleted before the set-up, so no entry tells of that, and the next one knew."""
    known = recorded([told_by_stripe(SESSION_EXPIRED)], {CUSTOMER_SUBJECT: [DELETED]})
    assert [entry.status for entry in known.entries] == ["revoked", "revoked"]
    forged = replace(known, subjects={})
    assert proven(forged).status is Status.REVOKED
    assert faults(forged) == ["entry 1: it says revoked, and what withdrew the mandate is stored nowhere"]


def test_a_further_telling_of_what_was_told_changes_nothing() -> None:
    told = recorded([SET_UP, of_a_subject(DETACHED)], {METHOD_SUBJECT: [DETACHED]})
    earlier = replace(DETACHED, at=AT, source="evt_earlier")
    again = replace(told, subjects={METHOD_SUBJECT: merge(told.subjects[METHOD_SUBJECT], [earlier])})
    assert faults(again) == []
    assert proven(again).withdrawals == proven(told).withdrawals


def test_a_withdrawal_between_the_two_reads_is_not_told_yet_and_no_fault() -> None:
    between = replace(set_up(revoked=False), subjects={METHOD_SUBJECT: {DETACHED.key: DETACHED}})
    assert faults(between) == []
    assert [(one.fact.kind, one.told) for one in proven(between).withdrawals] == [(Kind.DETACHED, False)]


def test_what_does_not_withdraw_is_nothing_on_a_subject() -> None:
    odd = {CUSTOMER_SUBJECT: {"setup_failed": Fact(Kind.SETUP_FAILED, AT, "evt_odd")}}
    assert proven(replace(recorded([SET_UP]), subjects=odd)).status is Status.ACTIVE


# ---------------------------------------------------------------------------------- personal values


@pytest.mark.parametrize(
    ("kept", "fault"),
    [
        ({}, "personal_values: gone beside entry 1, without an erasure: source_ip, subject, user_agent"),
        ({1: None}, "personal_values: those beside entry 1 can't be read"),
        (
            {1: {name: value for name, value in PERSONAL.items() if name != "subject"}},
            "personal_values: gone beside entry 1, without an erasure: subject",
        ),
        (
            {1: {**PERSONAL, "subject": PersonalValue("auth0|bob", "03" * 32)}},
            "personal_values: subject of entry 1 is not what the entry commits to",
        ),
        (
            {1: {**PERSONAL, "subject": PersonalValue(NEW_MANDATE.customer_id, "no hex")}},
            "personal_values: subject of entry 1 is not what the entry commits to",
        ),
        (
            {1: {**PERSONAL, "email": PersonalValue("ann@shop.example", "04" * 32)}},
            "personal_values: email lies beside entry 1, which does not commit to it",
        ),
        (
            {1: PERSONAL, 2: PERSONAL},
            "personal_values: source_ip lies beside entry 2, which does not commit to it",
        ),
    ],
)
def test_personal_values_are_those_that_were_committed_to(kept: Any, fault: str) -> None:
    altered = replace(recorded([our_own(SESSION_CREATED)]), personal=kept)
    assert faults(altered)[0] == fault
    assert proven(altered).customer_id in {NEW_MANDATE.customer_id, None}
    assert not proven(altered).erased


def test_an_erasure_takes_all_the_values_of_an_entry_or_none() -> None:
    only_one = {1: {"user_agent": PERSONAL["user_agent"]}}
    assert faults(replace(recorded([our_own(ERASED)]), personal=only_one)) == [
        "personal_values: gone beside entry 1, without an erasure: source_ip, subject"
    ]


# ----------------------------------------------------------------------------------------- the terms


def test_other_terms_than_were_agreed_to_are_a_fault_and_not_shown() -> None:
    reworded = replace(
        TERMS, texts={**TERMS.texts, "en": {**TERMS.texts["en"], "timing": "Whenever we like."}}
    )
    altered = replace(set_up(), terms=reworded)
    assert proven(altered).terms is None
    assert faults(altered) == [
        "terms: what is stored as version 2026-11-01 is not what was agreed to",
        "consent: the text shown is not the wording of the terms in en",
        "consent: its wording_digest is not that of the terms in en",
    ]
    assert faults(replace(set_up(), terms=None)) == [
        "terms: version 2026-11-01 is not stored, or can't be read"
    ]


# ----------------------------------------------------------------------------------------- the chain


def remade(record: Record, number: int, change: Callable[[dict[str, Any]], None]) -> Record:
    """With one entry changed and all the hashes made to fit, the head's too."""
    entries: list[Entry] = []
    for entry in record.entries:
        content = entry.content()
        if entry.number == number:
            change(content)
        content["previous_hash"] = entries[-1].hash if entries else GENESIS
        entries.append(Entry(**content, hash=digest(content)))
    return read_again(with_head(replace(record, entries=entries), head_hash=entries[-1].hash))


def test_a_status_that_does_not_follow_is_noticed_though_the_chain_holds() -> None:
    forged = remade(recorded([our_own(SESSION_CREATED)]), 2, lambda content: content.update(status="active"))
    assert forged.first_broken is None
    assert faults(forged) == ["entry 2: its status does not follow from the facts up to it"]


def test_words_that_were_never_shown_are_noticed_though_the_chain_holds() -> None:
    forged = remade(set_up(), 1, lambda content: content.update(text="I'll pay whatever you like."))
    assert faults(forged) == ["consent: the text shown is not the wording of the terms in en"]


@pytest.mark.parametrize(
    ("detail", "fault"),
    [
        ({"wording_digest": TERMS.wording_digest("de")}, "its wording_digest is not that of the terms in en"),
        ({"locale": "de"}, "the text shown is not the wording of the terms in de"),
        ({"locale": "tlh"}, "the text shown is not the wording of the terms in tlh"),
    ],
)
def test_a_consent_that_names_another_wording_is_noticed_though_the_chain_holds(
    detail: dict[str, str], fault: str
) -> None:
    def other_wording(content: dict[str, Any]) -> None:
        (fact,) = content["facts"]
        content["facts"] = ({**fact, "detail": {**fact["detail"], **detail}},)

    assert f"consent: {fault}" in faults(remade(set_up(), 1, other_wording))


def test_a_ledger_that_begins_with_no_consent_proves_nothing() -> None:
    forged = remade(set_up(), 1, lambda content: content.update(facts=()))
    assert faults(forged)[0] == "consent: the ledger does not begin with one"
    assert (proven(forged).head, proven(forged).status) == (None, None)


def test_entries_of_another_mandate_are_noticed() -> None:
    assert (
        faults(replace(set_up(), mandate_id="mdt_other"))[0] == "ledger: there are entries of another mandate"
    )


@pytest.mark.parametrize("gone", range(5))
def test_a_broken_chain_says_nothing_of_the_status(gone: int) -> None:
    sound = set_up()
    broken = read_again(replace(sound, entries=[*sound.entries[:gone], *sound.entries[gone + 1 :]]))
    assert faults(broken)[0] == f"entry {gone + 1} is the first that was altered, removed or put in"
    assert proven(broken).status is None


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_an_end_that_was_cut_off_alone_is_missed(length: int) -> None:
    sound = set_up()
    cut = read_again(replace(sound, entries=sound.entries[:length]))
    assert faults(cut)[0] == f"entry {length + 1} is the first that was altered, removed or put in"
