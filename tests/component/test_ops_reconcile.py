"""`python -m ops reconcile`, as an operator types it."""

import pytest

from mandates.runtime.queues import Queue
from mandates.setup.sweep import Swept
from mandates.webhooks.reconciling import Found
from ops import __main__ as ops
from ops.reconcile import told
from ops.stack import Stack
from tests.component.world import OWNER_MARK, World


@pytest.fixture(autouse=True)
def the_stack_is_this_world(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables are bound already; what is looked up in CloudFormation is tests/e2e's."""
    parameters = {
        "StripeApiKeySecretArn": world.api_key_arn,
        "StripeApiBase": world.stripe.url,
        "StripeLivemode": "false",
    }
    outputs = {"WebhookQueueUrl": world.queue_url, "OwnerMark": OWNER_MARK}
    monkeypatch.setattr(Stack, "outputs", outputs)
    monkeypatch.setattr(Stack, "parameters", parameters)
    monkeypatch.setattr(Stack, "use_tables", lambda _stack: None)


def reconcile(*arguments: str) -> int:
    return ops.main(["--stack", "a-stack", "reconcile", *arguments])


def lost(world: World) -> str:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    return str(begun["mandate_id"])


def test_it_says_what_it_finds_and_queues_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = lost(world)
    assert reconcile("--since", "3d", "--dry-run") == 0
    assert "events: 2 listed, 2 not recorded, 2 to be queued" in capsys.readouterr().out
    assert world.queued() == []
    assert reconcile("--since", "3d") == 0
    assert "events: 2 listed, 2 not recorded, 2 queued" in capsys.readouterr().out
    assert world.process(world.queued()) == []
    assert world.get_mandate(mandate_id).body["status"] == "active"
    assert reconcile() == 0
    assert "events: 2 listed, 0 not recorded, 0 queued" in capsys.readouterr().out


def test_it_says_how_many_payments_are_somebody_elses() -> None:
    passed_over = "of those listed, 2 are about other payments of the account: passed over"
    assert passed_over in told(Found(listed=3, foreign=2, missing=1), Swept(), dry_run=True)
    assert passed_over not in told(Found(listed=3, missing=1), Swept(), dry_run=True)


def test_it_sweeps_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = lost(world)
    world.sweep_is_due(mandate_id)
    assert reconcile("--dry-run") == 0
    assert "1 to ask Stripe about" in capsys.readouterr().out
    assert reconcile() == 0
    assert "1 found, 1 decided" in capsys.readouterr().out
    assert world.get_mandate(mandate_id).body["status"] == "active"


def test_it_fails_if_not_all_could_be_done(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost(world)
    with monkeypatch.context() as deep:
        deep.setattr(Queue, "length", lambda _: 1_000_000)
        assert reconcile() == 1
    assert "the webhook queue is already long" in capsys.readouterr().err
    with monkeypatch.context() as full:
        full.setattr(Queue, "send", lambda _, messages: len(messages) - 1)
        assert reconcile() == 1
    assert "the queue did not take 1 events" in capsys.readouterr().err
    world.faults({"effect": "server_error", "status": 503})
    assert reconcile() == 1
    assert "Stripe can't be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", "write 3d"),
        ("0d", "write 3d"),
        ("3 days", "write 3d"),
        ("2026-11-20T00:00", "time zone"),
        ("2999-01-01T00:00Z", "future"),
    ],
)
def test_a_time_that_is_none(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        reconcile("--since", text)
    assert said in capsys.readouterr().err


def test_longer_ago_than_stripe_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile("--since", "2020-01-01T00:00+02:00") == 0
    assert "Stripe lists only 30 days: beginning at" in capsys.readouterr().out


def test_a_key_that_no_header_can_carry_is_said_and_not_shown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.secrets.put_secret_value(SecretId=world.api_key_arn, SecretString="rk_test_placeholder\nmore")
    assert reconcile() == 1
    said = capsys.readouterr().err
    assert "must be the key alone" in said
    assert "placeholder" not in said
