"""What `sam local` is given: variables and a template that lead a container to this machine's stack."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import relay, sam_local
from local.sam_local import NotPossible, bridge_address, for_containers, variables
from local.settings import HOST, ROOT, Settings

SETTINGS = Settings(state=Path("/nowhere"), aws_port=4566, stripe_port=4242, storefront_port=4000)


def given(**changed: str) -> dict[str, str]:
    return variables(SETTINGS, iter([("CreateCustomer", changed)]))["CreateCustomer"]


def test_aws_and_stripe_are_where_a_container_finds_them() -> None:
    assert given(
        CUSTOMERS_TABLE="stack-Customers-1",
        STRIPE_API_BASE="http://127.0.0.1:4242",
        STRIPE_WORK_QUEUE_URL="http://127.0.0.1:4566/000000000000/queue",
        OIDC_JWKS_URL="http://127.0.0.1:4566/pool/.well-known/jwks.json",
    ) == {
        "AWS_ENDPOINT_URL": "http://host.docker.internal:4566",
        "CUSTOMERS_TABLE": "stack-Customers-1",
        "STRIPE_API_BASE": "http://host.docker.internal:4242",
        "STRIPE_WORK_QUEUE_URL": "http://host.docker.internal:4566/000000000000/queue",
        "OIDC_JWKS_URL": "http://host.docker.internal:4566/pool/.well-known/jwks.json",
    }


def test_what_a_browser_goes_to_stays() -> None:
    origins = "http://127.0.0.1:4000,http://localhost:4000"
    assert given(ALLOWED_ORIGINS=origins)["ALLOWED_ORIGINS"] == origins
    assert given(OIDC_ISSUER="https://issuer.example")["OIDC_ISSUER"] == "https://issuer.example"


def test_the_template_is_usable_from_anywhere(tmp_path: Path) -> None:
    template: dict[str, Any] = {
        "Parameters": {"Stage": {"Type": "String"}, "LogLevel": {"Type": "String", "Default": "INFO"}},
        "Globals": {"Function": {"Environment": {"Variables": {"OWNER_MARK": "x"}}}},
        "Resources": {
            "ReadTerms": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "ReadTerms"}},
            "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "Layer"}},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
    }
    made = for_containers(template, tmp_path, {"Stage": "local", "OfAnEarlierVersion": "x"})
    assert made["Parameters"] == {
        "Stage": {"Type": "String", "Default": "local"},
        "LogLevel": {"Type": "String", "Default": "INFO"},
    }
    assert made["Resources"]["ReadTerms"]["Properties"]["CodeUri"] == str(tmp_path / "ReadTerms")
    assert made["Resources"]["Layer"]["Properties"]["ContentUri"] == str(tmp_path / "Layer")
    # SAM passes on only what a template declares.
    assert "AWS_ENDPOINT_URL" in made["Globals"]["Function"]["Environment"]["Variables"]


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ({"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}, "172.17.0.1"),
        ({"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.9"}, "10.1.0.9"),
        ({"Subnet": "172.18.0.0/16"}, "172.18.0.1"),
    ],
)
def test_this_machine_on_dockers_bridge(
    network: dict[str, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = json.dumps([{"IPAM": {"Config": [network]}}])
    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=shown))
    assert bridge_address() == address


@pytest.mark.parametrize("failing", [FileNotFoundError("docker"), subprocess.CalledProcessError(1, "docker")])
def test_without_docker_it_says_so(failing: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise failing

    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(NotPossible, match="needs Docker"):
        bridge_address()


def test_without_a_stack_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotPossible, match="make up"):
        sam_local.run(Settings.apart(tmp_path), ["start-api"])


# ------------------------------------------------------------------------------------------- the relay


@pytest.fixture
def echo() -> Iterator[int]:
    """The port on 127.0.0.1 of something that answers with what it is sent, in capitals."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(answer, HOST, 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def asked(port: int) -> bytes:
    with socket.create_connection(("::1", port), timeout=10) as connection:
        connection.sendall(b"hello")
        return connection.recv(100)


def test_the_relay_leads_to_this_machine_and_only_while_it_runs(echo: int) -> None:
    with relay.relayed("::1", [echo]) as needed:
        assert needed
        assert asked(echo) == b"HELLO"
        with relay.relayed("::1", [echo]) as another:  # a second `sam local` makes use of the first one's
            assert another
            assert asked(echo) == b"HELLO"
    with pytest.raises(ConnectionRefusedError):
        asked(echo)


def test_docker_desktop_needs_none() -> None:
    with relay.relayed("198.51.100.1", [4566]) as needed:  # RFC 5737: nobody's
        assert not needed


def test_told_to_stop_it_stops_sam_and_waits_for_it(tmp_path: Path) -> None:
    """As `timeout` and CI do it: a signal for this process alone."""
    told = tmp_path / "told"
    sam = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(told)!r}).touch(), sys.exit(3)))\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    wrapper = (
        "import os, sys\nfrom local.sam_local import _attended\n"
        f"sys.exit(_attended([sys.executable, '-c', {sam!r}], dict(os.environ)))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", wrapper], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "up\n"
        running.terminate()
        assert running.wait(20) == 3
    assert told.exists()
