"""Every file in events/ is replayed against its function, so that samples can't rot."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from mandates.core.changes import Contribution, Subject, change
from mandates.core.charging.change import charge_change
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.refunds import refunded
from mandates.core.charging.reports import is_of_other_amount
from mandates.core.clock import Instant
from mandates.core.facts import Fact, Kind, ids
from mandates.core.faults import faults
from mandates.core.ledger import PersonalValue, first_broken
from mandates.core.record import Record, proven, told_of_subjects
from mandates.core.return_tokens import expecting
from mandates.core.subjects import payment_method_subject, stripe_customer_subject
from mandates.core.terms import Terms, checked
from mandates.ledger.contributing import statuses
from mandates.ledger.stream import added_entries, entry_in
from mandates.store.charge_stream import charge_entry_in
from mandates.store.charges import commit_charge, read_charge
from mandates.store.customers import Customer, claim_customer, resolve_claim
from mandates.store.mandates import commit, read_heads
from mandates.webhooks import custom_resource
from tests.component.world import ROOT, Context, World
from tests.functions import CHARGE, FUNCTIONS, MANDATE, folder_of
from tests.unit.examples import NEW_MANDATE

SAMPLES = sorted(path for path in (ROOT / "events").glob("*/*.json") if path.parent.name != "schemas")
SIGNED_AT = 1793491200
A_DAY_TO_COME = "2026-12-01"
"""In the sample of a notice."""


EXPECTED = {
    f"{folder_of(name)}/{sample}": expected
    for name, function in FUNCTIONS.items()
    for sample, expected in function.samples.items()
}


def test_every_sample_has_an_expectation_and_every_expectation_a_sample() -> None:
    """That every function has one is tests/unit/test_functions.py's to say."""
    assert {f"{path.parent.name}/{path.stem}" for path in SAMPLES} == EXPECTED.keys()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_replay(world: World, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = EXPECTED[f"{path.parent.name}/{path.stem}"]
    at_stripe = world.stripe_client().v1.customers.create({"metadata": {"customer_id": "customer-1"}}).id
    text = path.read_text(encoding="utf-8").replace("cus_sample", at_stripe)
    sample = json.loads(text.replace(A_DAY_TO_COME, f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"))
    world.environment.update(
        EVENT_BUS_NAME="default",
        OWNER_MARK="sample-mark",
        OIDC_ISSUER="https://issuer.example",
        OIDC_AUDIENCES="api",
        OIDC_JWKS_URL="",
        SERVICE_CLIENT_IDS="",
        SCOPE_PREFIX="",
    )
    if expected.customer:
        a_customer_with_a_mandate(at_stripe, world.terms, active=expected.active)
    if (
        path.stem in {"charged", "refunded", "disputed", "one_charge", "cancel", "part", "refunds_of_charge"}
        or path.parent.name == "publish_charges"
    ):
        a_charge_that_was_begun()
    function = world.function(path.parent.name)
    if path.parent.name == "receive_webhook":
        # Its signature is over the bytes as they are, made at that time with `whsec_placeholder`.
        sample = json.loads(path.read_text(encoding="utf-8"))
        monkeypatch.setattr(function.time, "time", lambda: SIGNED_AT)
    if path.parent.name == "register_webhook":  # the address for its answer is nobody's
        monkeypatch.setattr(custom_resource, "ANSWER_ATTEMPTS", 1)
    try:
        answer: Any = function.handler(sample, Context())
    except Exception as error:
        answer = error
    if path.parent.name == "register_webhook":
        answer = world.stripe_client().v1.webhook_endpoints.list()
    if expected.status:
        assert answer["statusCode"] == expected.status, answer
    assert expected.contains.replace("cus_sample", at_stripe) in str(answer)
    if path.parent.name == "process_webhook":
        check_charge(path.stem)
    assert [*world.waiting(world.unpublished_url), *world.waiting(world.unpublished_charges_url)] == []
    if path.stem == "set_up":
        assert statuses(list(read_heads([MANDATE]).values())) == {MANDATE: "active"}


def check_charge(sample: str) -> None:
    charge = read_charge(CHARGE)
    match sample:
        case "charged":
            assert charge is not None
            success = charge.facts["attempt_succeeded#1"]
            assert (charge.status, is_of_other_amount(success)) == ("succeeded", False)
        case "refunded":
            assert charge is not None
            assert refunded(charge.facts) == 400
        case "disputed":
            assert charge is not None
            assert open_disputes(charge.facts) == {"du_sample"}


COMMITTED_TO = {
    "source_ip": "203.0.113.7",
    "user_agent": "curl/8",
    "subject": "customer-1",
    "issuer": "https://issuer.example",
}
"""What the sample's consent commits to, each with a salt of zeros."""


def test_the_streams_samples_are_entries_of_a_ledger() -> None:
    """With all that ours tell (which subject, which customer), so that what reads one reads the other."""
    entries = [entry_in(added.image) for added in added_to_the_table("publish_changes/activated")]
    withdrawn = added_to_the_table("publish_changes/withdrawn")
    entries += [entry_in(added.image) for added in withdrawn]
    record = Record(
        mandate_id=MANDATE,
        entries=entries,
        first_broken=first_broken(entries, length=len(entries), head_hash=entries[-1].hash),
        personal={1: {name: PersonalValue(value, "00" * 32) for name, value in COMMITTED_TO.items()}},
        subjects={},
        terms=checked(yaml.safe_load((ROOT / "terms" / "example.yaml").read_text(encoding="utf-8"))),
    )
    known = proven(record)
    assert known.head
    record = replace(record, subjects=told_of_subjects(known.head, entries))
    assert faults(record) == []
    assert (known.customer_id, known.head.stripe_customer_id) == ("customer-1", "cus_sample")
    assert known.head.payment_method_id == "pm_sample"
    assert [one.subject for one in known.withdrawals] == ["payment_method#pm_sample"]
    assert added_to_the_table("queue_withdrawals/withdrawn") == withdrawn


def test_the_samples_of_the_charges_stream_are_a_chain() -> None:
    added = [
        *added_to_the_table("publish_charges/succeeded"),
        *added_to_the_table("publish_charges/refunded"),
    ]
    entries = [charge_entry_in(one.image) for one in added]
    assert first_broken(entries, length=7, head_hash=entries[-1].hash) is None
    assert {entry.charge_id for entry in entries} == {CHARGE}


def added_to_the_table(sample: str) -> list[Any]:
    return added_entries(json.loads((ROOT / "events" / f"{sample}.json").read_bytes())["Records"])


def a_charge_that_was_begun() -> None:
    now = Instant(time.time())
    source = "api:create_charge"
    charge = Charge(CHARGE, 1, now.text, {}, "ab" * 32, {})
    begun = charge_change(
        charge,
        [
            charge_fact(
                ChargeKind.RESERVED,
                now.seconds,
                source,
                amount="1200",
                currency="usd",
                charge_by=str(now.seconds + 86_400),
                retries="1,3,7",
            ),
            Fact(ChargeKind.INTENT_CREATED, now.seconds, source, ids(payment_intent="pi_sample")),
            charge_fact(ChargeKind.ATTEMPT_BEGUN, now.seconds, source, attempt=1),
        ],
        source=source,
        now=now,
    )
    assert begun
    commit_charge(begun, now)


def a_customer_with_a_mandate(stripe_customer_id: str, terms: Terms, *, active: bool) -> None:
    now = Instant(time.time())
    claim = Customer("customer-1", 1, "claim", now.seconds, now.text)
    claim_customer(claim)
    resolve_claim(claim, stripe_customer_id)
    mandate = replace(
        NEW_MANDATE,
        mandate_id=MANDATE,
        customer_id="customer-1",
        stripe_customer_id=stripe_customer_id,
        terms_version=terms.version,
        terms_digest=terms.digest,
    )
    accepted = mandate.accepted(now.seconds, "api:create_checkout_session")
    consent = expecting(accepted, "sample-return-token-of-43-characters-012345")
    opened = Fact(Kind.SESSION_CREATED, now.seconds, consent.source, ids(checkout_session="cs_test_sample"))
    told = [consent, opened, *([set_up(now)] if active else [])]
    stands_on = [Subject(stripe_customer_subject(stripe_customer_id)), Subject(PAYMENT_METHOD)]
    begun = change(
        mandate,
        [Contribution(fact.source, (fact,)) for fact in told],
        subjects={subject.key: subject for subject in stands_on},
        recorded_at=now.text,
    )
    commit([begun], now)


PAYMENT_METHOD = payment_method_subject("pm_sample")


def set_up(now: Instant) -> Fact:
    named = ids(setup_intent="seti_sample", payment_method="pm_sample")
    return Fact(Kind.SETUP_SUCCEEDED, now.seconds, "evt_sample", named)
