"""`ops stripe rehearse`: at the simulator all is as assumed, and every payment is undone."""

from collections.abc import Mapping
from typing import Any

import pytest

from local.stripe_simulator import FaultPlan, PaymentPlan
from ops.__main__ import command_line
from ops.rehearsal.checks import Outcome, Verdict, outcome_of
from ops.rehearsal.command import CHECKS, run_rehearse
from ops.rehearsal.raw_stripe import RawStripe
from ops.rehearsal.trial import Payer, Trial
from ops.rehearsal.untried import checks as untried
from ops.stack import Stack
from tests.component.stripe_simulator.support import Shop

SANDBOX, LIVE = "sk_test_placeholder", "sk_live_placeholder"


@pytest.fixture
def trial(shop: Shop) -> Trial:
    """It does not wait: time passes at Stripe."""
    method = shop.saved()
    payer = Payer(method.id, str(method.customer))
    stripe = RawStripe(SANDBOX, shop.simulator.url, sleep=shop.simulator.core.advance)
    return Trial(stripe, payer, "rehearsal-test", 500, "usd", ends_payment_method=True)


def outcomes(trial: Trial) -> Mapping[str, Outcome]:
    found = [outcome_of(check, trial) for check in CHECKS]
    assert trial.undo() == []
    return {outcome.check.name: outcome for outcome in found}


def named(found: Mapping[str, Outcome], verdict: Verdict) -> set[str]:
    return {name for name, outcome in found.items() if outcome.verdict is verdict}


def script(shop: Shop, **payment: Any) -> None:
    shop.simulator.core.set_payments(PaymentPlan.parse({"payments": [payment]}))


OPEN = {check.name for check in untried}


def test_at_the_simulator_all_is_as_assumed(trial: Trial) -> None:
    found = outcomes(trial)
    assert {name: found[name].answered for name in named(found, Verdict.DIFFERS)} == {}
    assert named(found, Verdict.NOT_TRIED) == {
        *OPEN,
        "canceled while processing",
        "movements of a payout",
    }


def test_every_payment_is_undone_and_is_a_strangers(shop: Shop, trial: Trial) -> None:
    outcomes(trial)
    core = shop.simulator.core
    for intent in core.all("payment_intent"):
        refunded = sum(one["amount"] for one in core.all("refund") if one["payment_intent"] == intent["id"])
        assert intent["status"] == "canceled" or refunded == intent["amount_received"] > 0
        assert intent["metadata"]["managed_by"] == "rehearsal-test"


def test_an_answer_that_the_code_does_not_expect_is_named(shop: Shop, trial: Trial) -> None:
    script(shop, outcome="requires_action")
    found = outcomes(trial)
    assert "confirmed off session" in named(found, Verdict.DIFFERS)
    assert found["confirmed off session"].answered == "402 payment_intent_action_required"
    assert found["part refunded"].verdict is Verdict.NOT_TRIED


def test_a_payment_that_is_processing_is_tried_too(shop: Shop, trial: Trial) -> None:
    script(shop, outcome="processing")
    found = [outcome_of(check, trial) for check in CHECKS]
    tried = next(outcome for outcome in found if outcome.check.name == "canceled while processing")
    assert (tried.verdict, tried.answered) == (
        Verdict.AS_ASSUMED,
        "400 payment_intent_unexpected_state; the intent is processing",
    )
    assert all("is processing" in line for line in trial.undo()), "a person is told what could not be undone"


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"effect": "rejected", "endpoint": "GET /v1/payment_intents", "code": "gone"}, "listed at once"),
        ({"effect": "forbidden", "endpoint": "GET /v1/disputes"}, "disputes listed"),
    ],
)
def test_what_the_stacks_key_may_not_do_differs(
    shop: Shop, trial: Trial, fault: Mapping[str, Any], name: str
) -> None:
    shop.simulator.core.set_faults(FaultPlan.parse({"api": [fault]}))
    (check,) = (check for check in CHECKS if check.name == name)
    assert outcome_of(check, trial).verdict is Verdict.DIFFERS


def test_a_stripe_that_is_busy_proves_nothing(shop: Shop, trial: Trial) -> None:
    shop.simulator.core.set_faults(FaultPlan.parse({"api": [{"effect": "rate_limit"}]}))
    found = [outcome_of(check, trial) for check in CHECKS]
    assert {outcome.verdict for outcome in found} == {Verdict.NOT_TRIED}


# ------------------------------------------------------------------------------------------ command


class StackWithKey(Stack):
    """Not at AWS."""

    def __init__(self, key: str, api_base: str) -> None:
        super().__init__("mandates")
        self.__dict__ |= {"stripe_key": key, "parameters": {"StripeApiBase": api_base}}


def rehearsed(shop: Shop, key: str, *arguments: str) -> int:
    chosen = command_line().parse_args(["stripe", "rehearse", *arguments])
    return run_rehearse(StackWithKey(key, shop.simulator.url), chosen, shop.simulator.core.advance)


def test_the_command_says_what_was_assumed_and_answered(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    method = shop.saved()
    given = ("--payment-method", method.id, "--customer", str(method.customer))
    assert rehearsed(shop, SANDBOX, *given) == 0
    said = capsys.readouterr().out
    assert "as assumed: confirmed off session\n" in said
    assert "    Stripe:    succeeded\n" in said
    assert f"0 {Verdict.DIFFERS}" in said
    assert "payments are refunded or cancelled" in said
    script(shop, outcome="requires_action")
    assert rehearsed(shop, SANDBOX, *given) == 1
    assert "differs: confirmed off session\n" in capsys.readouterr().out


@pytest.mark.parametrize("key", [LIVE, "a-key-of-another-form"])
def test_only_a_sandboxs_key_is_used(shop: Shop, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = len(shop.simulator.core.requests())
    assert rehearsed(shop, key, "--payment-method", "pm_1", "--customer", "cus_1") == 1
    assert "not a sandbox's" in capsys.readouterr().err
    assert len(shop.simulator.core.requests()) == asked
