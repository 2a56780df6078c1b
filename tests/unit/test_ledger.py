"""The chain: whatever is done to it behind our back is found, and where."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from mandates.core.facts import Fact, Kind
from mandates.core.ledger import GENESIS, SALT_BYTES, Entry, PersonalValue, append, first_broken, keep_beside
from tests.unit.examples import (
    CONSENT,
    DETACHED,
    MANDATE_ID,
    RECORDED_AT,
    SESSION_COMPLETED,
    SESSION_CREATED,
    SETUP_SUCCEEDED,
)

SALT = bytes(range(32)).hex()
PERSONAL = {
    "source_ip": PersonalValue("203.0.113.7", SALT),
    "user_agent": PersonalValue("private-agent", "ff" * 32),
}


def chain(*told: Fact) -> list[Entry]:
    entries: list[Entry] = []
    for number, fact in enumerate(told):
        entries.append(
            append(
                mandate_id=MANDATE_ID,
                length=number,
                head_hash=entries[-1].hash if entries else GENESIS,
                recorded_at=RECORDED_AT,
                source=fact.source,
                facts=[fact],
                status="pending",
                text="By accepting, you agree.\n\nÉ." if fact.kind is Kind.CONSENT_ACCEPTED else None,
                personal=PERSONAL if fact.kind is Kind.CONSENT_ACCEPTED else None,
            )
        )
    return entries


CHAIN = chain(CONSENT, SESSION_CREATED, SETUP_SUCCEEDED, SESSION_COMPLETED, DETACHED)
HEAD = CHAIN[-1].hash
LENGTH = len(CHAIN)


def broken(entries: list[Entry], length: int = LENGTH, head_hash: str = HEAD) -> int | None:
    return first_broken(entries, length=length, head_hash=head_hash)


def with_(position: int, changed: Entry) -> list[Entry]:
    return [*CHAIN[:position], changed, *CHAIN[position + 1 :]]


def test_a_chain_as_it_was_written_holds() -> None:
    assert broken(CHAIN) is None
    assert broken([], 0, GENESIS) is None


def test_a_chain_holds_after_storage() -> None:
    """JSON has lists where the entry had tuples; the hash must not tell."""
    stored = [Entry(**json.loads(json.dumps({**entry.content(), "hash": entry.hash}))) for entry in CHAIN]
    assert broken(stored) is None


def test_every_entry_points_at_the_one_before() -> None:
    assert [entry.number for entry in CHAIN] == [1, 2, 3, 4, 5]
    assert CHAIN[0].previous_hash == "0" * 64
    for one, next_one in itertools.pairwise(CHAIN):
        assert next_one.previous_hash == one.hash


# ------------------------------------------------------------------------------------- altering


def flips(value: Any) -> Iterator[Any]:
    """The value with one thing altered, for each thing in it: each character, number, key, item."""
    match value:
        case str():
            yield from (value[:n] + chr(ord(one) ^ 1) + value[n + 1 :] for n, one in enumerate(value))
            yield from (value + " ", None)
        case int():
            yield from (value + 1, -value, str(value))
        case None:
            yield ""
        case Mapping():
            yield {**value, "added": "x"}
            for name, inner in value.items():
                others = {other: value[other] for other in value if other != name}
                yield from (others, {**others, f"{name}x": inner})
                yield from ({**value, name: flipped} for flipped in flips(inner))
        case list() | tuple():
            items = tuple(value)
            yield (*items, {})
            for n, inner in enumerate(items):
                yield (*items[:n], *items[n + 1 :])
                yield from ((*items[:n], flipped, *items[n + 1 :]) for flipped in flips(inner))


@pytest.mark.parametrize("name", [one.name for one in fields(Entry)])
def test_altering_any_character_of_any_field_is_found_where_it_was_done(name: str) -> None:
    for position, entry in enumerate(CHAIN):
        value = getattr(entry, name)
        for altered in flips(value):
            assert altered != value
            assert broken(with_(position, replace(entry, **{name: altered}))) == position + 1


@pytest.mark.parametrize("position", range(LENGTH))
def test_an_altered_entry_with_its_hash_computed_anew_breaks_the_link_to_the_next(position: int) -> None:
    altered = replace(CHAIN[position], source="evt_forged", hash="")
    forged = replace(altered, hash=hashlib.sha256(json_form(altered)).hexdigest())
    expected = position + 2 if position + 1 < LENGTH else LENGTH  # the last one: the head tells
    assert broken(with_(position, forged)) == expected


def json_form(entry: Entry) -> bytes:
    return json.dumps(entry.content(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("altered", [{"at": 1.5}, {"at": 2**60}, {"é": 1}])
def test_an_alteration_without_a_canonical_form_is_found_too(altered: dict[str, Any]) -> None:
    changed = replace(CHAIN[2], facts=({**CHAIN[2].facts[0], **altered},))
    assert broken(with_(2, changed)) == 3


# --------------------------------------------------------------------------- removing and moving


@pytest.mark.parametrize("position", range(LENGTH))
def test_a_removed_entry_is_missed_in_its_place(position: int) -> None:
    assert broken(CHAIN[:position] + CHAIN[position + 1 :]) == position + 1


@pytest.mark.parametrize("kept", range(LENGTH))
def test_a_cut_off_end_is_missed_at_the_first_missing_entry(kept: int) -> None:
    assert broken(CHAIN[:kept]) == kept + 1


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(LENGTH), 2)))
def test_swapped_entries_are_found_at_the_first(one: int, other: int) -> None:
    swapped = list(CHAIN)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert broken(swapped) == one + 1


@pytest.mark.parametrize("position", range(LENGTH))
def test_a_repeated_entry_is_found_where_it_repeats(position: int) -> None:
    assert broken([*CHAIN[: position + 1], *CHAIN[position:]]) == position + 2


def test_an_entry_added_behind_the_head_is_found() -> None:
    longer = chain(CONSENT, SESSION_CREATED, SETUP_SUCCEEDED, SESSION_COMPLETED, DETACHED, CONSENT)
    assert longer[:LENGTH] == CHAIN
    assert broken(longer) == LENGTH + 1


def test_an_entry_of_another_chain_is_found() -> None:
    other = chain(CONSENT, DETACHED, SETUP_SUCCEEDED, SESSION_COMPLETED, DETACHED)
    assert broken(with_(2, other[2])) == 3


# --------------------------------------------------------------------------------------- the head


def test_a_head_with_another_hash_is_found_at_the_end() -> None:
    assert broken(CHAIN, head_hash=CHAIN[-2].hash) == LENGTH
    assert broken(CHAIN, head_hash="") == LENGTH
    assert broken([], 0, HEAD) is not None


def test_a_head_that_counts_fewer_entries_is_found_behind_its_count() -> None:
    assert broken(CHAIN, length=3, head_hash=CHAIN[2].hash) == 4
    assert broken(CHAIN, length=0, head_hash=GENESIS) == 1


def test_a_head_that_counts_more_entries_is_found_at_the_missing_one() -> None:
    assert broken(CHAIN, length=LENGTH + 3) == LENGTH + 1


# ------------------------------------------------------------------------------ what is hashed


def test_the_hash_is_over_the_canonical_content() -> None:
    """Written out, so that an old ledger stays verifiable: nothing here may ever change."""
    entry = append(
        mandate_id="mdt_1",
        length=0,
        head_hash=GENESIS,
        recorded_at="2026-01-01T00:00:00.000Z",
        source="api:create_checkout_session",
        facts=[Fact(Kind.CONSENT_ACCEPTED, 1, "api:create_checkout_session", detail={"locale": "en"})],
        status="pending",
        text="I agree.",
        personal={"source_ip": PersonalValue("203.0.113.7", SALT)},
    )
    content = (
        '{"commitments":{"source_ip":"a9c5dd39d243d5228c958ac498ce2d3bfde9f11b6b397674a57d2bb4a80ccb49"},'
        '"facts":[{"at":1,"detail":{"locale":"en"},"ids":{},"kind":"consent_accepted","qualifier":"",'
        '"source":"api:create_checkout_session"}],"format":1,'
        f'"mandate_id":"mdt_1","number":1,"previous_hash":"{"0" * 64}",'
        '"recorded_at":"2026-01-01T00:00:00.000Z","source":"api:create_checkout_session",'
        '"status":"pending","text":"I agree."}'
    )
    assert entry.hash == hashlib.sha256(content.encode()).hexdigest()


def test_the_kinds_of_an_entry_are_its_facts_kinds() -> None:
    assert [entry.kinds for entry in CHAIN[:2]] == [["consent_accepted"], ["session_created"]]


# ------------------------------------------------------------------------------ personal values


@pytest.mark.parametrize(
    ("value", "salt", "commitment"),
    [  # printf of salt and quoted value through sha256sum
        ("203.0.113.7", SALT, "a9c5dd39d243d5228c958ac498ce2d3bfde9f11b6b397674a57d2bb4a80ccb49"),
        ('Mozilla/5.0 "x" é', SALT, "24440988ce5992d352673e9152d9346fbfc3fa065fd7b6832ac756025f21a464"),
        ("", "00" * 32, "faa66bedceced025b207f33486e3bdfbe83d30218a132bda103676799bd44382"),
    ],
)
def test_a_commitment_is_sha256_of_salt_and_canonical_value(value: str, salt: str, commitment: str) -> None:
    assert PersonalValue(value, salt).commitment == commitment


def test_the_chain_commits_to_personal_values_and_holds_none() -> None:
    consent = CHAIN[0]
    assert consent.commitments == {name: kept.commitment for name, kept in PERSONAL.items()}
    for kept in PERSONAL.values():
        assert kept.value.encode() not in json_form(consent)
        assert kept.salt.encode() not in json_form(consent)


def test_a_value_or_salt_altered_beside_the_chain_no_longer_matches_it() -> None:
    kept = PERSONAL["source_ip"]
    assert replace(kept, value="203.0.113.8").commitment != CHAIN[0].commitments["source_ip"]
    assert replace(kept, salt="ff" * 32).commitment != CHAIN[0].commitments["source_ip"]


def test_each_value_is_kept_with_a_salt_of_its_own() -> None:
    sizes: list[int] = []

    def random_bytes(size: int) -> bytes:
        sizes.append(size)
        return bytes([len(sizes)]) * size

    kept = keep_beside({"subject": "same", "issuer": "same"}, random_bytes)
    assert sizes == [SALT_BYTES, SALT_BYTES] == [32, 32]
    assert kept == {"subject": PersonalValue("same", "01" * 32), "issuer": PersonalValue("same", "02" * 32)}
    assert kept["subject"].commitment != kept["issuer"].commitment
