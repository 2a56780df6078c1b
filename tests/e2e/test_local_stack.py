"""Starting and stopping: a developer's machine sleeps, crashes and has other things on its ports."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from local import environment
from local.processes import is_listening
from local.settings import ROOT, Settings
from tests.live.chaos import good_events, queue_poison, verify, wait_until_quiet
from tests.live.shared import environment_of, local
from tests.live.shoppers import Shopper, Shopping, sign_up
from tests.live.stack import LiveStack, until
from tests.live.verdict import read


def pids(settings: Settings) -> dict[str, int]:
    file = settings.state / "processes.json"
    recorded = json.loads(file.read_text()) if file.exists() else {}
    return {name: process["pid"] for name, process in recorded.items()}


@pytest.mark.timeout(600)  # it starts a stack twice, and AWS once more
def test_up_can_be_repeated_and_mends_what_died(tmp_path: Path) -> None:
    settings = Settings.apart(tmp_path)
    try:
        local("up", settings)
        first = pids(settings)
        local("up", settings)
        assert pids(settings) == first

        a_restart_of_aws_keeps_everything(settings)
        first = pids(settings)

        os.kill(first["stripe"], signal.SIGKILL)
        until(lambda: not group_exists(first["stripe"]), seconds=60)
        logs = local("logs", settings)
        assert "ReadTerms" in logs
        assert "stripe has ended" in logs
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


@pytest.mark.timeout(600)
@pytest.mark.parametrize("during", ["Starting AWS", "Deploying with SAM"])
def test_ctrl_c_during_up_leaves_nothing_running(during: str, tmp_path: Path) -> None:
    """Only the command is told, not its group: what it started does not hear of a Ctrl-C by itself."""
    settings = Settings.apart(tmp_path)
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "local", "up"],
            cwd=ROOT,
            env=environment_of(settings),
            stdout=subprocess.PIPE,
            text=True,
        ) as up:
            assert up.stdout
            until(lambda: during in up.stdout.readline(), seconds=400)  # type: ignore[union-attr]
            until(lambda: len(pids(settings)) == 3, seconds=60)
            started = list(pids(settings).values())
            up.send_signal(signal.SIGINT)
            assert "Interrupted." in up.stdout.read()
        assert up.returncode == 130
        assert not any(map(is_listening, (settings.aws_port, settings.stripe_port, settings.storefront_port)))
        until(lambda: not any(map(group_exists, started)), seconds=60)
        assert "Nothing was running" in local("down", settings)
    finally:
        local("down", settings)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def a_restart_of_aws_keeps_everything(settings: Settings) -> None:
    with closing(LiveStack(json.loads(settings.stack_file.read_text()))) as live:
        everything_is_kept_over_a_restart(live, settings)


def everything_is_kept_over_a_restart(live: LiveStack, settings: Settings) -> None:
    """Events in the queue, withdrawals in the stream, tokens in people's hands.

    The second withdrawal comes first after the restart: a stream read on from where it was, but without its
    records, would skip it.
    """
    shopping = Shopping(live, seed=1)
    (shopper,) = sign_up(live, 1)
    shopping.become_customer(shopper)
    first, second = activated(live, shopping, shopper), activated(live, shopping, shopper)
    with live.redelivering_after(5):
        live.call("POST", f"/mandates/{first}/revoke", shopper.token)
        queue_poison(live, good := good_events(100, "restart"), (), seed=1)
        local("restart-aws", settings)
        live.call("POST", f"/mandates/{second}/revoke", shopper.token)
        wait_until_quiet(live)
    third = activated(live, shopping, shopper)
    assert verify(live, [first, second, third]).problems == []
    stored = read(live)
    assert {stored.outcomes.get(event["id"]) for event in good} == {"applied"}
    assert [stored.status(mandate_id) for mandate_id in (first, second, third)] == [
        "revoked",
        "revoked",
        "active",
    ]
    assert live.dead_letters() == []
    live.close()


def activated(live: LiveStack, shopping: Shopping, shopper: Shopper) -> str:
    session = shopping.begin(shopper)
    shopping.authorise(session)
    path = f"/mandates/{session['mandate_id']}"
    until(lambda: live.call("GET", path, shopper.token)["status"] == "active", seconds=120)
    return str(session["mandate_id"])


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
