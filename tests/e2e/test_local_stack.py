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
