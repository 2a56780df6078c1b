"""The running stack answers what openapi.yaml documents, to whatever schemathesis makes of openapi.yaml.

The run prints its seed when it begins. With it the same requests are sent again, but for ids and times:

    CONTRACT_SEED=… .venv/bin/pytest -s tests/e2e/test_contract.py

With SOAK=1 there are three seeds, and more requests of each.
"""

import copy
import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from local.settings import ROOT
from tests.e2e import contract
from tests.live.shared import StackJson
from tests.live.stack import Json, LiveStack

SOAK = os.environ.get("SOAK") == "1"
SECONDS, ROUNDS = (600.0, 30) if SOAK else (25.0, 6)
FIRST = int(os.environ["CONTRACT_SEED"])  # tests/conftest.py draws one
SEEDS = range(FIRST, FIRST + (3 if SOAK else 1))

DOCUMENT: Json = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=SEEDS)
def prober(request: pytest.FixtureRequest, stack: StackJson) -> Iterator[contract.Prober]:
    deadline = time.monotonic() + SECONDS
    live = LiveStack(stack)
    prober = contract.Prober(DOCUMENT, live, contract.prepare(live))
    prober.run(request.param, deadline, ROUNDS)
    print(f"\nCONTRACT_SEED={request.param}\n{prober.report}")
    yield prober
    prober.close()
    live.close()


def test_every_answer_is_a_documented_one(prober: contract.Prober) -> None:
    found = [
        f"{operation} {status}: {what}\n{example}"
        for (operation, what, status), example in prober.report.findings.items()
    ]
    assert not found, "\n\n".join(found)


def test_every_operation_was_really_used_by_all_who_may(prober: contract.Prober) -> None:
    """Otherwise all the answers might be 404."""
    unused = [
        f"{operation} never succeeded as {caller}"
        for operation, callers in prober.may.items()
        for caller in callers
        if not prober.report.succeeded(operation, caller)
    ]
    assert not unused, f"{unused}\n{prober.report}"


def test_nobody_else_got_through(prober: contract.Prober) -> None:
    through = [
        f"{operation} succeeded as {caller}"
        for operation, callers in prober.may.items()
        for caller in contract.CALLERS
        if caller not in callers and prober.report.succeeded(operation, caller)
    ]
    assert not through, f"{through}\n{prober.report}"


def test_what_stripe_took_is_within_what_was_agreed(prober: contract.Prober) -> None:
    """Counted at Stripe, for the mandate that all charges were asked of (other tests charge others).
    Everything was made within one month."""
    limits = prober.known.terms["limits"]
    taken = [
        intent
        for intent in prober.stack.stripe_list("payment_intents")
        if intent["metadata"].get("mandate_id") == prober.known.mandate and intent["amount_received"]
    ]
    assert taken
    assert {intent["currency"] for intent in taken} == {limits["currency"]}
    assert max(intent["amount_received"] for intent in taken) <= limits["per_charge"]
    assert sum(intent["amount_received"] for intent in taken) <= limits["per_period"]["amount"]
    for charge in prober.stack.stripe_list("charges"):
        assert charge["amount_refunded"] <= charge["amount_captured"]


def test_while_stripe_fails_the_answer_is_the_documented_503(prober: contract.Prober) -> None:
    """Other addresses to return to need another session, and so Stripe."""
    known = replace(
        prober.known,
        storefront=f"{prober.known.storefront}/unavailable",
        tokens={contract.CUSTOMER: prober.known.stranger.token},
    )
    troubled = contract.Prober(DOCUMENT, prober.stack, known, unavailable=True)
    prober.stack.control("faults", api=[{"effect": "server_error", "status": 503}])
    try:
        troubled.run(FIRST, deadline=0, rounds=1, only=["createCheckoutSession"])
    finally:
        prober.stack.control("faults")
        troubled.close()
    assert not troubled.report.findings, troubled.report.findings
    assert troubled.report.answers[("createCheckoutSession", contract.CUSTOMER, 503)], troubled.report


def test_an_answer_that_is_not_as_documented_is_found(prober: contract.Prober) -> None:
    altered = copy.deepcopy(DOCUMENT)
    answers = altered["paths"]["/charges/{charge_id}"]["get"]["responses"]
    answers["200"]["headers"] = {"Sunset": {"required": True, "schema": {"type": "string"}}}
    answers["200"]["content"] = {"application/json": {"schema": {"type": "array"}}}
    answers["401"] = {"description": "Another type.", "content": {"text/plain": {}}}
    del answers["404"], answers["400"]
    fooled = contract.Prober(altered, prober.stack, prober.known)
    fooled.run(FIRST, deadline=0, rounds=1, only=["getCharge"])
    fooled.close()
    assert {what for _, what, _ in fooled.report.findings} == {
        "Response violates schema",
        "Missing required response headers",
        "Undocumented Content-Type",
        "Undocumented status",
    }
