"""The card behind a saved account: shown once Stripe has told it, until its customer is erased."""

from typing import Any

import pytest

from mandates.charges import funding
from mandates.charges.funding import show_funding
from mandates.core.charging.charge import ChargeStatus
from mandates.core.funding import Funding
from mandates.privacy.export import export
from mandates.privacy.holdings import holdings
from mandates.store.charges import read_charge_ledger
from mandates.store.dynamodb import StoreError
from tests.component.advancing import WRITES, Crash, Till, crash, till_of
from tests.component.test_privacy import everything_stored, head_of, run
from tests.component.world import CUSTOMER, World, stripes_clock

SUCCEEDED = ChargeStatus.SUCCEEDED
CARD = Funding("Visa", "4242")
SHOWN = {"brand": "Visa", "last4": "4242"}


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def charged(till: Till) -> Any:
    return till.advance(till.reserve())


def shown(till: Till) -> Any:
    return till.world.get_mandate(till.mandate_id).body["funding"]


def calls_of(till: Till, charge_id: str) -> list[str]:
    before = len(till.world.calls)
    till.advance(charge_id)
    return [call.operation for call in till.world.calls[before:]]


def writes(calls: list[str]) -> list[str]:
    return [operation for operation in calls if operation in WRITES]


def test_the_card_is_shown_after_the_first_success_and_costs_later_charges_nothing(till: Till) -> None:
    before = till.world.get_mandate(till.mandate_id).body
    assert before["funding"] is None
    assert before["label"].startswith("Amazon Pay, saved ")
    first, second = [calls_of(till, till.reserve()) for _ in range(2)]
    assert writes(first) == [*writes(second), "UpdateItem"]
    assert len(first) - len(writes(first)) >= len(second) - len(writes(second))
    after = till.world.get_mandate(till.mandate_id).body
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"funding", "label", "spending"}
    assert (after["funding"], after["label"]) == (SHOWN, "Amazon Pay, Visa ending in 4242")
    assert head_of(till.mandate_id).funding == CARD


def test_the_card_is_shown_if_an_event_tells_of_the_success_before_our_own_answer(till: Till) -> None:
    charge_id = till.reserve()
    till.http.after = lambda _, url: till.world.run_webhooks() if url.endswith("/confirm") else None
    till.advance(charge_id)
    told_by = [entry.source for entry in read_charge_ledger(charge_id) if entry.status == SUCCEEDED]
    assert told_by[0].startswith("evt_")
    assert shown(till) == SHOWN


def test_the_card_is_shown_if_the_success_is_read_later(till: Till) -> None:
    till.script({"outcome": "processing", "then": "succeeded", "seconds": 10})
    charge_id = till.reserve()
    assert till.advance(charge_id).status is ChargeStatus.PROCESSING
    assert shown(till) is None
    assert till.when_due(charge_id).status is SUCCEEDED
    assert shown(till) == SHOWN


def test_the_next_charge_makes_up_for_a_crash(till: Till) -> None:
    charge_id = till.reserve()
    with crash(till, 4, done=False) as ended, pytest.raises(Crash):
        till.advance(charge_id)
    assert ended == ["UpdateItem"]
    assert shown(till) is None
    charged(till)
    assert shown(till) == SHOWN


def test_another_card_replaces_the_known_one(till: Till) -> None:
    show_funding(till.mandate_id, Funding("MasterCard", "0005"))
    assert shown(till) == {"brand": "MasterCard", "last4": "0005"}
    charged(till)
    assert shown(till) == SHOWN


@pytest.mark.parametrize("told", ["none", "unsaid"])
def test_a_charge_that_tells_no_card_succeeds_and_leaves_the_known_one(till: Till, told: str) -> None:
    till.script({"outcome": "succeeded", "funding": told})
    assert charged(till).status is SUCCEEDED
    assert shown(till) is None
    show_funding(till.mandate_id, CARD)
    assert charged(till).status is SUCCEEDED
    assert shown(till) == SHOWN


def test_a_card_that_can_not_be_kept_fails_no_charge(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: Any) -> None:
        raise StoreError("throttled")

    monkeypatch.setattr(funding, "keep_funding", throttled)
    assert charged(till).status is SUCCEEDED
    assert shown(till) is None


def test_the_card_is_exported_and_erased_and_does_not_come_back(till: Till) -> None:
    charged(till)
    assert export(holdings(CUSTOMER), stripes_clock)["mandates"][0]["funding"] == SHOWN
    before = head_of(till.mandate_id)
    run()
    show_funding(till.mandate_id, Funding("Visa", "1111"))
    show_funding(till.mandate_id, Funding("Visa", "1111"), before)  # read before the erasure began
    assert "funding" not in everything_stored("mandates")
    assert head_of(till.mandate_id).funding is None
