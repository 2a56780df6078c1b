"""The one stack that a whole run of tests shares: the very template, deployed with SAM, talked to over HTTP.

A stack of its own on free ports, unless MANDATES_E2E_STACK names the stack.json of one that is running.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.settings import ROOT, Settings, free_ports

StackJson = dict[str, Any]


@contextmanager
def one_stack(state: Path) -> Iterator[StackJson]:
    """Its stack.json. What it starts keeps its state in the folder `state`."""
    if running := os.environ.get("MANDATES_E2E_STACK"):
        yield json.loads(Path(running).read_text())
        return
    settings = Settings.apart(state, origins=[f"http://localhost:{free_ports(1)[0]}"])
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
        "MANDATES_ORIGINS": ",".join(settings.origins),
    }
