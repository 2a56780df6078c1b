"""The command that a person or the local stack starts."""

import signal
import subprocess
import sys

import httpx
import pytest

COMMAND = [sys.executable, "-m", "local.stripe_simulator"]


def test_it_says_where_it_is_and_stops_when_asked() -> None:
    with subprocess.Popen([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[3].rstrip(",")
            assert httpx.get(f"{url}/_control/requests", trust_env=False).json() == {"requests": []}
        finally:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=5)


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com"])
def test_it_refuses_to_be_reached_from_elsewhere(host: str) -> None:
    refused = subprocess.run([*COMMAND, "--host", host], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--host" in refused.stderr
