"""What is held of a customer's charges is exported, and erased once all of them have ended."""

import json
from datetime import timedelta

import pytest

from mandates.core.retention import EVIDENCE_DAYS
from mandates.ledger.snapshot import charges_at_rest
from mandates.privacy.erasure import ChargesOpen, EvidenceKept, erase, kept_until, last_charge
from mandates.privacy.export import export
from mandates.privacy.holdings import holdings
from mandates.store.mandates import read_ledger
from tests.component.world import CUSTOMER
from tests.simulation.test_altered_charges import TABLE, Charged, verified
from tests.simulation.test_altered_records import signed


def erased(life: Charged, override: str | None = "court_order") -> list[str]:
    return erase(
        holdings(CUSTOMER),
        override=override,
        clock=life.world.clock,
        random_bytes=life.world.random.randbytes,
        say=lambda _: None,
    )


def stored(life: Charged) -> str:
    return json.dumps(list(life.tables[TABLE].items.values()))


def test_charges_are_exported_and_erased_once_they_have_ended() -> None:
    life = Charged()
    with life.world.entered():
        with pytest.raises(ChargesOpen, match="or an open dispute: chg_"):
            erased(life)
        life.world.charging.settle()
        exported = json.dumps(export(holdings(CUSTOMER), life.world.clock))
        chains = [charge.entries for charge in charges_at_rest(life.mandate_id).register.charges]
        assert len(chains) == 2
        for written in ("order-0", "order-1", "mail-1"):
            assert written in exported
            assert written in stored(life)
        digests = [
            charge.head.digest for charge in charges_at_rest(life.mandate_id).register.charges if charge.head
        ]
        assert erased(life) == []
        after = charges_at_rest(life.mandate_id).register.charges
        assert [charge.entries for charge in after] == chains
        for gone in ("order-0", "order-1", "mail-1", "salt", "reference#", *filter(None, digests)):
            assert gone not in stored(life)
        assert verified(life) == []
        evidence = signed(life)
        assert evidence
        (value,) = (
            value
            for value in json.loads(evidence)["charges"][0]["personal_values"]
            if value["name"] == "reference"
        )
        assert value == {"name": "reference", "erased": True, "value": None, "salt": None}


def test_evidence_is_kept_until_240_days_after_the_last_charge() -> None:
    life = Charged()
    with life.world.entered():
        life.world.charging.settle()
        charged, entries = last_charge(life.mandate_id), read_ledger(life.mandate_id)
        until, without_charges = kept_until(entries, charged), kept_until(entries)
        assert charged
        assert until == charged + timedelta(days=EVIDENCE_DAYS)
        assert without_charges
        assert without_charges < until
        life.world.clock.now = without_charges.timestamp() + 1
        with pytest.raises(EvidenceKept, match=f"is kept until {until:%Y-%m-%d}"):
            erased(life, override=None)
        life.world.clock.now = until.timestamp() + 1
        assert erased(life, override=None) == []
