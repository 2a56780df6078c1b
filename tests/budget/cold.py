"""A cold start: the real runtime client in a fresh interpreter, until it asks for its first event."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.budget.artefacts import PYTHON, Artefact

_TOO_LONG_SECONDS = 60


class InitFailed(Exception):
    """The function did not start; the message is what it told the runtime API, or printed."""


@dataclass(frozen=True)
class Start:
    """`cpu` is what the process has used, user and system, which other processes hardly change. Seconds."""

    cpu: float
    wall: float


class RuntimeApi:
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html as far as a start goes."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.asked_at = 0.0
        self.failure: bytes | None = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """`/next`: there never is one. The process waits here until it is ended."""
                api.asked_at = time.perf_counter()
                api.asked.set()
                threading.Event().wait(_TOO_LONG_SECONDS)

            def do_POST(self) -> None:
                api.failure = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api.asked.set()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    try:
        yield api
    finally:
        api.stop()


def start(api: RuntimeApi, artefact: Artefact, client: Path, environment: dict[str, str]) -> Start:
    """Start a function once. Raises InitFailed."""
    api.asked.clear()
    api.failure = None
    told = {
        **environment,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "LAMBDA_TASK_ROOT": str(artefact.task),
        "PYTHONPATH": os.pathsep.join([artefact.search_path, str(client)]),
        "_HANDLER": "app.handler",
    }
    # -S: what this machine's own Python loads at its start is nothing of Lambda's.
    began = time.perf_counter()
    process = subprocess.Popen(
        [PYTHON, "-S", "-m", "awslambdaric", "app.handler"],
        env=told,
        cwd=artefact.task,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    came = api.asked.wait(_TOO_LONG_SECONDS)
    wall = api.asked_at - began
    process.kill()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    assert process.stderr is not None
    printed = process.stderr.read()
    process.stderr.close()
    if not came or api.failure is not None:
        raise InitFailed((api.failure or printed).decode(errors="replace"))
    return Start(used.ru_utime + used.ru_stime, wall)
