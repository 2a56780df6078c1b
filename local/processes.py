"""Background processes that outlive the command that started them. They are ended by name, never by guess.

A pid alone proves nothing, since the system reuses it. The record therefore has the pid and the process's
start time, and only a process that still has both is ever signalled.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.interruptions import held_back
from local.settings import HOST, ROOT, Settings

_GRACE_SECONDS = 5.0
_children: dict[int, subprocess.Popen[bytes]] = {}


class NotStarted(Exception):
    """A process ended, or did not answer in time. The message has the end of its log."""


class NotStopped(Exception):
    """A process did not end when asked to. The message has the end of its log."""


class Processes:
    """The processes of one stack, by name, as recorded in its state folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._record = settings.state / "processes.json"

    def start(self, name: str, command: Sequence[str], port: int, environment: Mapping[str, str]) -> None:
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        # The child would live on if the command ended before the child is recorded.
        with held_back(), self._log(name).open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # not interrupted by Ctrl-C in the terminal, and a group of its own
            )
            _children[child.pid] = child
            recorded = self._recorded()
            recorded[name] = {"pid": child.pid, "started": started_at(child.pid), "port": port}
            self._write(recorded)

    def wait_until_listening(self, name: str, seconds: float = 30.0) -> None:
        port = int(self._recorded()[name]["port"] or 0)
        deadline = time.monotonic() + seconds
        while not is_listening(port):
            if not self.alive(name) or time.monotonic() > deadline:
                raise NotStarted(f"{name} did not start on port {port}:\n{self.end_of_log(name)}")
            time.sleep(0.05)

    def alive(self, name: str) -> bool:
        process = self._recorded().get(name)
        return process is not None and _is_same(process)

    def names(self) -> list[str]:
        return list(self._recorded())

    def stop(self, name: str, seconds: float = 30.0) -> None:
        """End one with SIGTERM, so that it saves its state. Raises NotStopped if it does not end in time."""
        process = self._recorded()[name]
        pid = int(process["pid"] or 0)
        if _is_same(process):
            signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while _is_same(process):
            if time.monotonic() > deadline:
                raise NotStopped(f"{name} did not end within {seconds:.0f} s:\n{self.end_of_log(name)}")
            time.sleep(0.05)
        if pid in _children:
            _children.pop(pid).wait()

    def stop_all(self) -> list[str]:
        """End all that are still ours, with SIGTERM first. Returns the names of those that were running."""
        with held_back():
            return self._stop_all()

    def _stop_all(self) -> list[str]:
        recorded = self._recorded()
        ours = {name: int(process["pid"] or 0) for name, process in recorded.items() if _is_same(process)}
        for pid in ours.values():
            signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(_is_same(recorded[name]) for name in ours) and time.monotonic() < deadline:
            time.sleep(0.05)
        for name, pid in ours.items():
            if _is_same(recorded[name]):
                signal_group(pid, signal.SIGKILL)
            if pid in _children:
                _children.pop(pid).wait()
        self._record.unlink(missing_ok=True)
        return list(ours)

    def end_of_log(self, name: str, lines: int = 20) -> str:
        log = self._log(name)
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _log(self, name: str) -> Path:
        return self._settings.logs / f"{name}.log"

    def _recorded(self) -> dict[str, dict[str, int | str | None]]:
        try:
            recorded: dict[str, dict[str, int | str | None]] = json.loads(self._record.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return recorded

    def _write(self, recorded: dict[str, dict[str, int | str | None]]) -> None:
        written = self._record.with_suffix(".tmp")
        written.write_text(json.dumps(recorded, indent=2))
        written.replace(self._record)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _is_same(process: Mapping[str, int | str | None]) -> bool:
    pid = int(process["pid"] or 0)
    if pid in _children and _children[pid].poll() is not None:
        return False
    return process["started"] is not None and started_at(pid) == process["started"]


def started_at(pid: int) -> str | None:
    """When this process was started, in the system's own form. None if there is no such process."""
    try:
        # Field 22, counted after the name, which is in brackets and may contain anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except FileNotFoundError:
        pass
    if Path("/proc/self/stat").exists():
        return None
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
