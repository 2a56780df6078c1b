"""The evidence of a mandate is read while entries are written: nothing of that is taken for a fault.

Every order is tried in which a writer's writes and a reader's reads can follow one another. A writer's reads
are no steps of their own: the reader changes nothing that they could see.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mandates.core.faults import faults
from mandates.core.record import Record, proven
from mandates.ledger import snapshot
from mandates.ledger.snapshot import read_record
from mandates.store.mandates import read_heads, read_subjects
from tests.simulation.lives import Life
from tests.simulation.tasks import Task

WRITERS: dict[str, tuple[tuple[str, ...], str]] = {
    "the set-up": ((), "set_up"),
    "the set-up, once it was detached": (("detached",), "set_up"),
    "a revocation": (("set_up",), "revoked"),
    "a payment method is detached": (("set_up", "completed"), "detached"),
    "the customer is deleted": (("set_up",), "customer_deleted"),
    "the customer is deleted before the set-up": ((), "customer_deleted"),
    "the session of a deleted customer expires": (("customer_deleted",), "expired"),
    "an erasure": (("set_up",), "erased"),
}
"""What went before, and what is written meanwhile."""


def in_every_order(life: Life, writer: str, read: Callable[[], Any]) -> Iterator[Any]:
    """What `read` returned in each."""
    kept = life.kept()
    path: list[int] = []
    while True:
        life.restore(kept)
        answers: list[Any] = []
        tasks = [Task("writer", getattr(life, writer)), Task("reader", read, answers.append)]
        for task in tasks:
            life.world.tasks.start(task)
            up_to_a_step(life, task)
        chosen: list[tuple[int, int]] = []
        while ready := [task for task in tasks if task in life.world.tasks.under_way]:
            choice = path[len(chosen)] if len(chosen) < len(path) else 0
            chosen.append((choice, len(ready)))
            life.world.go_on(ready[choice])
            up_to_a_step(life, ready[choice])
        yield answers[0]
        while chosen and chosen[-1][0] + 1 == chosen[-1][1]:
            chosen.pop()
        if not chosen:
            return
        path = [choice for choice, _ in chosen[:-1]] + [chosen[-1][0] + 1]


def up_to_a_step(life: Life, task: Task) -> None:
    while task in life.world.tasks.under_way and task.name == "writer" and not changes_what_is_read(task):
        life.world.go_on(task)


def changes_what_is_read(task: Task) -> bool:
    if task.call is None or not task.call.writes:
        return False
    written = str(task.call.parameters)
    return "'mandates'" in written or ("'stripe_subjects'" in written and "facts" in written)


@functools.cache
def records_read(name: str) -> list[Record]:
    return records_read_now(name)


def records_read_now(name: str) -> list[Record]:
    before, writer = WRITERS[name]
    life = Life()
    life.live(*before)
    with life.world.entered():
        return list(in_every_order(life, writer, lambda: read_record(life.mandate_id)))


@pytest.mark.parametrize("name", WRITERS)
def test_no_order_of_reads_and_writes_is_a_fault(name: str) -> None:
    found = records_read(name)
    assert len(found) >= 7
    assert {fault for record in found for fault in faults(record)} == set()


def test_a_withdrawal_is_not_told_until_it_is() -> None:
    found = [proven(record) for record in records_read("a payment method is detached")]
    withdrawals = {tuple(one.told for one in known.withdrawals) for known in found}
    assert withdrawals == {(), (False,), (True,)}
    assert {str(known.status) for known in found if known.withdrawals} == {"revoked"}


def test_an_erasure_is_none_or_begun_or_done() -> None:
    found = [proven(record) for record in records_read("an erasure")]
    assert {(known.customer_id is not None, known.erased) for known in found} == {
        (True, False),
        (True, True),
        (False, True),
    }


# --------------------------------------------------------------------------- and without what guards it


def ledger_first_and_head_last(mandate_id: str, read: Callable[[str], Any]) -> Any:
    stored = read(mandate_id)
    return read_heads([mandate_id]).get(mandate_id), stored


def head_first_and_ledger_last(mandate_id: str, read: Callable[[str], Any]) -> Any:
    head = read_heads([mandate_id]).get(mandate_id)
    return head, read(mandate_id)


@pytest.mark.parametrize("otherwise", [ledger_first_and_head_last, head_first_and_ledger_last])
def test_reading_that_is_notof_one_moment_is_found_out(
    otherwise: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "of_one_moment", otherwise)
    assert any(faults(record) for record in records_read_now("a revocation"))


def test_subjects_that_are_read_before_the_ledger_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger then tells of what was not there yet."""
    at_once = snapshot.of_one_moment
    early: dict[str, Any] = {}

    def subjects_first(mandate_id: str, read: Callable[[str], Any]) -> Any:
        early.clear()
        early.update(read_subjects(["payment_method#pm_example", "stripe_customer#cus_none"]))
        return at_once(mandate_id, read)

    monkeypatch.setattr(snapshot, "of_one_moment", subjects_first)
    monkeypatch.setattr(snapshot, "read_subjects", lambda _keys: early)
    assert any(faults(record) for record in records_read_now("a payment method is detached"))
