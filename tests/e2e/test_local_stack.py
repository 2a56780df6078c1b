"""Starting and stopping: a developer's machine sleeps, crashes and has other things on its ports."""

import json
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from local import environment
from local.processes import is_listening
from local.settings import Settings
from tests.e2e.conftest import local
from tests.live.chaos import good_events, queue_poison, settle_down, verify
from tests.live.shoppers import Shopping, sign_up
from tests.live.stack import LiveStack, until
from tests.live.verdict import read


def pids(settings: Settings) -> dict[str, int]:
    recorded = json.loads((settings.state / "processes.json").read_text())
    return {name: process["pid"] for name, process in recorded.items()}


def test_up_can_be_repeated_and_mends_what_died(tmp_path: Path) -> None:
    settings = Settings.apart(tmp_path)
    try:
        local("up", settings)
        first = pids(settings)
        local("up", settings)
        assert pids(settings) == first

        a_restart_of_aws_keeps_everything(settings)
        first = pids(settings)

        os.kill(first["aws"], signal.SIGKILL)
        local("up", settings)
        second = pids(settings)
        assert set(second.values()).isdisjoint(first.values())
        stack = json.loads(settings.stack_file.read_text())
        assert httpx.get(f"{stack['api_url']}/terms/current", timeout=60, trust_env=False).is_success
    finally:
        local("down", settings)
    assert not any(map(is_listening, (settings.aws_port, settings.stripe_port, settings.storefront_port)))
    assert "Nothing was running" in local("down", settings)


def a_restart_of_aws_keeps_everything(settings: Settings) -> None:
    """With events in the queue, withdrawals in the stream and tokens in people's hands."""
    live = LiveStack(json.loads(settings.stack_file.read_text()))
    shopping = Shopping(live, seed=1)
    withdrawing, shopper = sign_up(live, 2)
    shopping.go([withdrawing], 1)
    session = shopping.begin(withdrawing)
    shopping.authorise(session)
    mandate = f"/mandates/{session['mandate_id']}"
    until(lambda: live.call("GET", mandate, withdrawing.token)["status"] == "active", seconds=120)
    with live.redelivering_after(3):
        live.call("POST", f"{mandate}/revoke", withdrawing.token)
        queue_poison(live, good := good_events(100, "restart"), (), seed=1)
        local("restart-aws", settings)
        shopping.go([shopper], 2)
        settle_down(live)
    verdict = verify(live, [*shopping.made.mandates, session["mandate_id"]])
    assert verdict.problems == []
    outcomes = read(live).outcomes
    assert {outcomes.get(event["id"]) for event in good} == {"applied"}
    assert live.dead_letters() == []
    live.close()


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    settings = Settings.apart(tmp_path)
    with (
        socket.create_server(("127.0.0.1", settings.stripe_port)),
        pytest.raises(AssertionError, match="MANDATES_STRIPE_PORT"),
    ):
        local("up", settings)


def test_nothing_of_an_account_reaches_the_stack() -> None:
    shell = {
        "AWS_PROFILE": "prod",
        "AWS_ENDPOINT_URL": "https://example.com",
        "STRIPE_SECRET_KEY": "sk_test_placeholder",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/elsewhere",
        "NO_PROXY": "example.com",
    }
    cleaned = environment.clean(shell)
    assert cleaned["HOME"] == "/elsewhere"
    assert cleaned["NO_PROXY"] == "127.0.0.1,localhost,example.com"
    assert (
        not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "STRIPE_SECRET_KEY", "PYTHONDONTWRITEBYTECODE"}
        & cleaned.keys()
    )
    assert cleaned["AWS_CONFIG_FILE"] == cleaned["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
