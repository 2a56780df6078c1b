"""Whatever one write to a table alters of a stored mandate is noticed, or changes nothing that is signed.

And as long as nothing is noticed, the API says of the mandate what the evidence does.

Each attribute of each of its items, in every table, and each value inside those that are JSON: changed, and
taken away; and each item taken away.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mandates.api.callers import Caller
from mandates.api.views import mandate_view
from mandates.core.canonical import canonical_json
from mandates.core.errors import LedgerUnreadable
from mandates.core.faults import faults
from mandates.core.formats import NewerFormat
from mandates.evidence.packs import signed_evidence
from mandates.ledger.contributing import statuses
from mandates.ledger.snapshot import read_record
from mandates.store.mandates import read_heads
from mandates.store.raw_items import read_as_stored
from tests.simulation.lives import Life

Item = Mapping[str, Any]
SERVICE = Caller(
    "the-back-end", "https://issuer.example", is_service=True, scopes=frozenset({"mandates:read"})
)

LIVES: dict[str, tuple[str, ...]] = {
    "active": ("set_up", "completed", "came_back"),
    "detached": ("set_up", "detached"),
    "customer deleted before the set-up": ("customer_deleted", "expired"),
    "detached, and not told": ("set_up", "detached_and_not_told"),
    "erased": ("set_up", "completed", "erased"),
}

SIGNED_NOWHERE = {
    # when it is looked for again, if it stays pending
    "mandates head pending",
    "mandates head sweep_at",
    # on which day's list it is found
    "mandates head created_on",
    # the same in another spelling: an id twice, a member that nothing reads
    "mandates head facts",
    "terms document",
    # for people to see, and for conditions of writes
    "stripe_subjects withdrawn",
    "stripe_subjects version",
    # who else is told; and whose Stripe customer it is
    "stripe_subjects mandates",
    "stripe_subjects customer_id",
    # further tellings of what the ledger tells, in the ledger's words
    "stripe_subjects facts",
    # computed from the document, and when it was offered
    "terms digest",
    "terms published_at",
    "terms retired_at",
}
A_PSEUDONYM = "mandates head customer_id"


class Unsigned:
    """The document itself, in the place of its signature."""

    def signed(self, evidence: Any) -> Any:
        return evidence


def signed(life: Life) -> bytes | None:
    """What would be signed, without its time; None if it is noticed that something was altered."""
    before = life.world.counted["BrokenLedgers"]
    signer: Any = Unsigned()
    try:
        evidence: Any = signed_evidence(life.mandate_id, 1, SERVICE, signer, lambda: 1_795_600_000.0)
    except NewerFormat:
        return None  # it looks like a later release's, and nothing is signed
    except LedgerUnreadable:
        evidence = None
    noticed = life.world.counted["BrokenLedgers"] > before
    assert noticed == (evidence is None or bool(evidence["faults"]))
    return None if noticed else canonical_json(evidence)


def is_what_the_api_says(life: Life, evidence: bytes) -> bool:
    """A head or a subject that was altered must not say otherwise than the evidence, and nobody notice."""
    (head,) = read_heads([life.mandate_id]).values()
    view = mandate_view(head, statuses([head])[life.mandate_id])
    said = json.loads(evidence)
    signed_too = {**said["mandate"], **{f"stripe_{name}": one for name, one in said["stripe"].items()}}
    signed_too |= {name: one for name, one in said["stripe"].items() if name not in said["mandate"]}
    if said["mandate"]["customer_erased"]:
        del signed_too["customer_id"]
    signed_too["returned"] = said["returned"]
    return all(view[name] == signed_too[name] for name in view.keys() & signed_too.keys())


def is_noticed_by_verify(life: Life) -> bool:
    try:
        record = read_record(life.mandate_id, read_as_stored)
        return record is None or bool(faults(record))
    except (NewerFormat, LedgerUnreadable, ValueError, TypeError, KeyError, AttributeError):
        return True


def items_of(life: Life) -> list[tuple[str, tuple[str, ...], Item]]:
    ours = {life.mandate_id, "version", *life.stands_on}
    return [
        (name, key, item)
        for name in ("mandates", "stripe_subjects", "terms")
        for key, item in life.tables[name].items.items()
        if key[0] in ours
    ]


def kinds_of(table: str, key: tuple[str, ...]) -> list[str]:
    """Where a table has several kinds of item, which it is."""
    return [key[1].partition("#")[0]] if table == "mandates" else []


def alterations(item: Item) -> Iterator[tuple[str, Item]]:
    for name, typed in item.items():
        yield name, {other: value for other, value in item.items() if other != name}
        ((kind, value),) = typed.items()
        for altered in altered_values(kind, value):
            yield name, {**item, name: {kind: altered}}


def altered_values(kind: str, value: Any) -> Iterator[Any]:
    match kind:
        case "N":
            yield str(int(value) + 1)
            yield f"{value}.5"
        case "BOOL":
            yield not value
        case "SS":
            yield [*value, "mdt_other"]
        case "S":
            yield f"{value}x"
            yield "erased:0" if value else "x"
            if value[:1] in {"{", "["}:
                yield "[" * 100_000  # deeper than any reader goes
                yield from (json.dumps(altered) for altered in altered_plain(json.loads(value)))
        case _:
            raise AssertionError(kind)


def altered_plain(value: Any) -> Iterator[Any]:
    """One thing changed, made another kind of thing, or taken away, at any depth."""
    yield {"x": "x"} if isinstance(value, list) else [1]
    match value:
        case dict():
            for name, inner in value.items():
                yield {other: one for other, one in value.items() if other != name}
                yield from ({**value, name: altered} for altered in altered_plain(inner))
            yield {**value, "x": "x"}
        case list():
            for at, inner in enumerate(value):
                yield [*value[:at], *value[at + 1 :]]
                yield from ([*value[:at], altered, *value[at + 1 :]] for altered in altered_plain(inner))
            yield [*value, *value[:1]]
        case str():
            yield f"{value}x"
        case bool() | None:
            yield "x"
        case int():
            yield value + 1
            yield from (str(value), value + 0.5, -1, 10**18)  # calendars end before that


@pytest.mark.parametrize("name", LIVES)
def test_every_alteration_is_noticed_or_signed_nowhere(name: str) -> None:
    life = Life()
    life.live(*LIVES[name])
    with life.world.entered():
        honest = signed(life)
        assert honest is not None
        assert not is_noticed_by_verify(life)
        without_effect = set()
        tried = 0
        for table, key, item in items_of(life):
            if table == "terms" and name != "active":
                continue  # they are the same to all
            for attribute, altered in alterations(item):
                if attribute in life.tables[table].keys:
                    continue  # that is another item, and this one gone
                life.tables[table].items[key] = dict(altered)
                after = signed(life)
                tried += 1
                if after is None:
                    a_third_is_enough = table == "mandates" and tried % 3
                    assert a_third_is_enough or is_noticed_by_verify(life), (table, key, altered)
                    continue
                assert is_what_the_api_says(life, after), (table, key, altered)
                if not only_a_subject_has_it(life, table, honest, after):
                    assert after == honest, (table, key, altered)
                    without_effect.add(" ".join([table, *kinds_of(table, key), attribute]))
            life.tables[table].items[key] = dict(item)
    assert tried > (300 if name == "active" else 200)
    assert without_effect <= SIGNED_NOWHERE | ({A_PSEUDONYM} if name == "erased" else set())


@pytest.mark.parametrize("name", LIVES)
def test_every_item_that_is_taken_away_is_missed_or_was_signed_nowhere(name: str) -> None:
    life = Life()
    life.live(*LIVES[name])
    missed = set()
    with life.world.entered():
        honest = signed(life)
        assert honest
        for table, key, item in items_of(life):
            del life.tables[table].items[key]
            after = signed(life)
            if after is None:
                missed.add(f"{table} {key[-1].partition('#')[0]}")
                assert is_noticed_by_verify(life)
            elif not only_a_subject_has_it(life, table, honest, after):
                assert (table, after) == ("stripe_subjects", honest)
            assert after is None or is_what_the_api_says(life, after)
            life.tables[table].items[key] = item
    assert missed >= {"mandates head", "mandates entry", "terms 2026-11-01"}
    assert ("mandates personal" in missed) == (name != "erased")


def only_a_subject_has_it(life: Life, table: str, honest: bytes, after: bytes) -> bool:
    """The one exception: a withdrawal that no ledger tells of, and what follows, rests on its subject."""
    if table != "stripe_subjects" or honest == after:
        return False
    one, other = json.loads(honest), json.loads(after)
    different = {name for name in one if one[name] != other[name]} - {"digests"}
    untold = [
        withdrawal
        for evidence in (one, other)
        for withdrawal in evidence["withdrawals"]
        if not withdrawal["told"]
    ]
    return bool(untold) and different <= {"withdrawals", "mandate", "stripe_dispute_evidence"}
