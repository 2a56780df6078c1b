"""One stack for the whole run: the very template, deployed with SAM, talked to over HTTP.

A stack of its own on free ports, unless MANDATES_E2E_STACK names the stack.json of one that is running.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.journey import Customer
from local.settings import ROOT, Settings
from tests.live.shoppers import sign_up
from tests.live.stack import LiveStack

StackJson = dict[str, Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackJson]:
    if running := os.environ.get("MANDATES_E2E_STACK"):
        yield json.loads(Path(running).read_text())
        return
    settings = Settings.apart(tmp_path_factory.mktemp("stack"))
    try:
        local("up", settings)
        yield json.loads(settings.stack_file.read_text())
    finally:
        local("down", settings)


def local(command: str, settings: Settings) -> str:
    """`python -m local` as a person runs it, for this stack. Returns what it printed."""
    finished = subprocess.run(
        [sys.executable, "-m", "local", command],
        cwd=ROOT,
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    printed = finished.stdout + finished.stderr
    assert finished.returncode == 0, printed
    return printed


def environment_of(settings: Settings) -> dict[str, str]:
    """Of a shell in which commands are for this stack."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRIPE_"))},
        "MANDATES_STATE_DIR": str(settings.state),
        "MANDATES_AWS_PORT": str(settings.aws_port),
        "MANDATES_STRIPE_PORT": str(settings.stripe_port),
        "MANDATES_STOREFRONT_PORT": str(settings.storefront_port),
    }


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Without a token, for whatever address."""
    with httpx.Client(timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture
def live(stack: StackJson) -> Iterator[LiveStack]:
    running = LiveStack(stack)
    yield running
    running.control("faults")
    running.close()


@pytest.fixture
def customer(live: LiveStack) -> Iterator[Customer]:
    """Signed up for this test alone: one customer may begin ten checkouts in an hour."""
    (shopper,) = sign_up(live, 1)
    caller = Customer(live.described["api_url"], shopper.token, shopper.customer_id)
    yield caller
    caller.close()
