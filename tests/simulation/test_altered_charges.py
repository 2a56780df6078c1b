"""Whatever one write to a table alters of a stored charge is noticed, or changes nothing that is signed.

As test_altered_records.py does for the rest of a mandate: each attribute of each item in the charges' table,
and each value inside those that are JSON, changed, taken away and put elsewhere; and each item taken away.
`python -m ops mandate verify` notices all of it, also where evidence signs nothing.
"""

import copy
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from local.stripe_simulator.resources.disputes import Open
from mandates.core.charging.calendar import day_of
from mandates.core.charging.notice import NoticeDetails, new_notice
from mandates.core.clock import Instant
from mandates.core.errors import LedgerUnreadable
from mandates.core.faults import faults
from mandates.core.formats import NewerFormat
from mandates.core.ledger import keep_beside
from mandates.ledger.snapshot import charges_at_rest, read_record
from mandates.store.charges import read_register
from mandates.store.mandates import read_heads
from mandates.store.notices import commit_notice
from mandates.store.raw_items import read_as_stored
from mandates.store.refusals import count_refusal
from ops.mandate import charging_faults
from tests.simulation.charging import SOFT
from tests.simulation.lives import Life
from tests.simulation.test_altered_records import Item, alterations, signed
from tests.simulation.world import World

SOAK = os.environ.get("SOAK") == "1"
TABLE = "charges"

SIGNED_NOWHERE = {
    "charge actor",  # who asked is not in the chain
    "charge due_at",  # when somebody looks again
    "charge create_params",  # what Stripe was sent beside amount, currency, customer and description
    "charge confirm_params",
}
"""What `ops mandate verify` can't compare with anything."""

NEVER_PROVEN = {"refusal first", "refusal last", "refusal count"}


class Charged(Life):
    """One mandate with a charge that succeeded at its second attempt, was refunded in part and disputed, one
    that is open, and a notice."""

    def __init__(self, terms: str = "once a day") -> None:
        self.world = World(5, terms=terms)
        self.tables = self.world.aws.dynamodb.tables
        with self.world.entered():
            self.mandate_id = self.world.activate().mandate_id
            self.world.drain()
            charging = self.world.charging
            charging.script({"outcome": "declined", "code": SOFT})
            self.charge(amount=700)
            charging.script()
            charging.settle()
            self.give_back()
            self.notice()
            self.world.pass_time(2 * 86_400)
            charging.script({"outcome": "processing"})
            self.charge(amount=1_000)
            count_refusal(self.mandate_id, ["too_frequent"], Instant(self.world.clock()))

    def charge(self, **body: Any) -> None:
        charging = self.world.charging
        self.world.finish(charging.post(charging.order(self.mandate_id, **body)))

    def give_back(self) -> None:
        """A part of the charge, and the rest is disputed, in vain."""
        charging = self.world.charging
        (charge_id,) = self.world.invariants.charges.ids(succeeded=True)
        self.world.finish(charging.refund(charge_id, "a-part", 300))
        (intent_id,) = charging.intents("succeeded")
        charging.dispute(intent_id, Open(amount=400))
        self.world.drain()
        (dispute_id,) = charging.undecided("dispute")
        charging.move_dispute(dispute_id, "won")
        charging.settle()
        self.world.drain()

    def notice(self) -> None:
        now = Instant(self.world.clock())
        (head,) = read_heads([self.mandate_id]).values()
        details = NoticeDetails(500, "usd", day_of(now.seconds, self.world.terms.zone), "mail-1")
        register = read_register(self.mandate_id)
        notice = new_notice(
            mandate_id=self.mandate_id,
            details=details,
            personal=keep_beside(details.personal, self.world.random.randbytes),
            count=register.count,
            previous=register.hash,
            recorded_at=now.text,
            actor="the-back-end",
        )
        commit_notice(notice, head, ())

    @property
    def items(self) -> dict[tuple[str, ...], Mapping[str, Any]]:
        """Those of the mandate: the switch is nobody's."""
        items = self.tables[TABLE].items
        return {key: item for key, item in items.items() if key[0] == self.mandate_id}

    def put(self, key: tuple[str, ...], item: Mapping[str, Any] | None) -> None:
        """As somebody who may write the table does. The index follows at once."""
        table = self.tables[TABLE]
        for index in table.indexes.values():
            index.as_of(self.world.clock())
            index.items.pop(key, None)
            if item and index.range_key in item and index.hash_key in item:
                index.items[key] = dict(item)
        table.items.pop(key, None)
        if item:
            table.items[key] = dict(item)


def verified(life: Charged) -> list[str]:
    """What `ops mandate verify` names."""
    try:
        charging = charges_at_rest(life.mandate_id)
        record = read_record(life.mandate_id, read_as_stored, charging.register)
        assert record
        return [*faults(record), *charging_faults(record, charging)]
    except (NewerFormat, LedgerUnreadable, ValueError, TypeError, KeyError, AttributeError) as error:
        return [str(error) or "unreadable"]


@cache
def a_life() -> Charged:
    life = Charged()
    with life.world.entered():
        assert verified(life) == []
        assert signed(life) is not None
    return life


@pytest.fixture
def charged() -> Charged:
    return a_life()


def test_it_was_refunded_and_disputed(charged: Charged) -> None:
    """Each is an entry of the chain, which is altered below like the others."""
    told = "".join(item["facts"]["S"] for key, item in charged.items.items() if kind_of(key) == "entry")
    for kind in (
        "refund_requested",
        "refund_created",
        "refund_succeeded",
        "dispute_opened",
        "dispute_closed",
    ):
        assert f'"{kind}"' in told


def kind_of(key: tuple[str, ...]) -> str:
    return key[1].partition("#")[0]


def test_it_has_every_kind_of_item(charged: Charged) -> None:
    kinds = {kind_of(key) for key in charged.items}
    assert kinds >= {
        "charge",
        "entry",
        "open",
        "period",
        "window",
        "register",
        "reference",
        "declines",
        "notice",
    }


BESIDE = {"notice charge_ids", "register day"}
"""Which charge has a notice, and what windows count from, is signed with each charge."""


def some(all_of_them: Iterator[tuple[str, Item]]) -> Iterator[tuple[str, Item]]:
    """The first five of each attribute, and every ninth of the values inside it; all with SOAK=1."""
    of_attribute: Counter[str] = Counter()
    for attribute, altered in all_of_them:
        of_attribute[attribute] += 1
        seen = of_attribute[attribute]
        if SOAK or seen <= 5 or seen % 9 == 0:
            yield attribute, altered


def test_every_alteration_is_noticed_or_signed_nowhere(charged: Charged) -> None:
    with charged.world.entered():
        honest = signed(charged)
        tried, unnoticed, unverified = 0, set(), set()
        for key, item in charged.items.items():
            for attribute, altered in some(alterations(item)):
                if attribute in charged.tables[TABLE].keys:
                    continue
                what = f"{kind_of(key)} {attribute}"
                charged.put(key, altered)
                tried += 1
                after = signed(charged)
                if after is not None:
                    assert after == honest or what in NEVER_PROVEN, (key, altered)
                    unnoticed.add(what)
                if (after is not None or tried % 5 == 0) and not verified(charged):
                    unverified.add(what)
            charged.put(key, item)
    assert tried > 200
    print("not noticed by evidence, which does not sign it:", sorted(unnoticed))
    print("not noticed by `mandate verify`:", sorted(unverified))
    assert {what for what in unnoticed if what.startswith(("entry", "register", "notice"))} <= BESIDE
    assert unverified <= SIGNED_NOWHERE | NEVER_PROVEN


def test_every_item_that_is_taken_away_is_missed(charged: Charged) -> None:
    with charged.world.entered():
        honest = signed(charged)
        for key, item in charged.items.items():
            charged.put(key, None)
            after = signed(charged)
            assert verified(charged) or kind_of(key) == "refusal", key
            if kind_of(key) in {"charge", "entry", "register", "notice"}:
                assert after is None, key
            elif kind_of(key) != "refusal":
                assert after == honest, key
            charged.put(key, item)


def test_an_item_that_was_copied_is_noticed_or_signed_nowhere(charged: Charged) -> None:
    """Under the key of another charge, period, window or day."""
    with charged.world.entered():
        honest = signed(charged)
        for key, item in list(charged.items.items()):
            copied = (key[0], f"{key[1][:-1]}{'2' if key[1][-1] != '2' else '3'}")
            if copied in charged.items or kind_of(key) in {"refusal"}:
                continue
            charged.put(copied, {**copy.deepcopy(item), "record": {"S": copied[1]}})
            assert signed(charged) in {None, honest}, key
            assert verified(charged), key
            charged.put(copied, None)


# ------------------------------------------------------------------------------------- and then charged


def without(life: Charged, kind: str) -> None:
    for key in [key for key in life.items if kind_of(key) == kind]:
        life.put(key, None)


def test_more_than_the_window_allows_is_named_after_it_was_taken_away() -> None:
    life = Charged()
    with life.world.entered():
        life.world.charging.script()
        without(life, "window")
        assert any(fault.startswith("window#") for fault in verified(life))
        life.charge(amount=900)
        assert any(fault.startswith("one window is held by several charges") for fault in verified(life))


def test_more_than_the_period_allows_is_named_after_its_use_was_lowered() -> None:
    life = Charged("daily limit")
    with life.world.entered():
        life.world.charging.script()
        life.charge(amount=1_500)
        altered_used_of_today(life)
        assert any(fault.startswith("period#") for fault in verified(life))
        life.charge(amount=1_400)
        found = verified(life)
    assert any("above the limit of 2500" in fault for fault in found)


def altered_used_of_today(life: Charged) -> None:
    newest = max(key for key in life.items if kind_of(key) == "period")
    life.put(newest, {**life.items[newest], "used": {"N": "0"}})


def test_a_reference_charged_twice_is_named_after_it_was_taken_away() -> None:
    life = Charged("no period")
    with life.world.entered():
        life.world.charging.script()
        life.charge(amount=500, reference="order-twice")
        without(life, "reference")
        life.charge(amount=500, reference="order-twice")
        assert any(fault.startswith("one reference is held by several charges") for fault in verified(life))


def test_a_notice_put_back_in_time_is_noticed(charged: Charged) -> None:
    with charged.world.entered():
        (key,) = (key for key in charged.items if kind_of(key) == "notice")
        item = charged.items[key]
        charged.put(key, {**item, "recorded_at": {"S": "2026-01-01T00:00:00.000Z"}})
        assert signed(charged) is None
        assert any("it was altered" in fault for fault in verified(charged))
        charged.put(key, item)
