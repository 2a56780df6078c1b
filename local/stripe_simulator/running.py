"""A simulator on a loopback port, for the length of a test or until a person stops it."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from random import Random
from threading import Thread

import uvicorn

from .ids import NewId
from .server import ClosableProtocol, create_app
from .settings import Settings
from .simulator import Clock, Simulator

LOOPBACK = "127.0.0.1"
STARTS_WITHIN = 10.0


@dataclass(frozen=True)
class RunningSimulator:
    """``url`` is what the SDK takes as ``base_addresses={"api": url}``."""

    url: str
    core: Simulator

    @property
    def control_url(self) -> str:
        return f"{self.url}/_control"


@contextmanager
def running_simulator(
    settings: Settings | None = None,
    *,
    clock: Clock = time.time,
    random: Random | None = None,
    new_id: NewId | None = None,
    port: int = 0,
) -> Iterator[RunningSimulator]:
    """Serve in a thread on 127.0.0.1 and clean up afterwards. Port 0 means any free port."""
    with listen(LOOPBACK, port) as listener:
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        core = Simulator(
            replace(settings or Settings(), base_url=url), clock=clock, random=random, new_id=new_id
        )
        server = make_server(core)
        thread = Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="stripe-simulator", daemon=True
        )
        thread.start()
        try:
            _wait_for_start(server, thread)
            yield RunningSimulator(url, core)
        finally:
            server.should_exit = True
            thread.join()


def make_server(core: Simulator) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(core),
            http=ClosableProtocol,
            ws="none",
            lifespan="on",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send at once. uvicorn writes an answer in two parts, and Nagle's
    algorithm with delayed acknowledgements would make that 40 ms."""
    listener = socket.create_server((host, port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def require_loopback(host: str) -> str:
    """The simulator takes any key and obeys anyone, so no other machine may reach it."""
    if not ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address")
    return host


def _wait_for_start(server: uvicorn.Server, thread: Thread) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the Stripe simulator did not start")
        time.sleep(0.005)
