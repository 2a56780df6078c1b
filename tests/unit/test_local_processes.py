"""The processes of the local stack: started, interrupted, found dead."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import __main__ as local
from local import interruptions, processes
from local.deployment import run_sam
from local.processes import Processes
from local.settings import Settings

STAYS = [sys.executable, "-c", "import time; time.sleep(300)"]
DIES = [sys.executable, "-c", "print('out of memory \\x1b[2J')"]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(state=tmp_path, aws_port=1, stripe_port=2, storefront_port=3)
    yield settings
    Processes(settings).stop_all()


def start(settings: Settings, name: str, command: list[str]) -> None:
    Processes(settings).start(name, command, 1, os.environ)


def until_dead(settings: Settings, name: str) -> None:
    deadline = time.monotonic() + 60
    while Processes(settings).alive(name):
        assert time.monotonic() < deadline, f"{name} is still running"
        time.sleep(0.01)


def pid(settings: Settings, name: str) -> int:
    return int(json.loads((settings.state / "processes.json").read_text())[name]["pid"])


def test_logs_are_shown_when_a_process_has_died(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("local.logs.lines", lambda _: ["what a function logged"])
    assert local.show_logs(settings) == 1
    assert "make up" in capsys.readouterr().out
    start(settings, "aws", STAYS)
    start(settings, "stripe", DIES)
    until_dead(settings, "stripe")
    assert local.show_logs(settings) == 0
    said = capsys.readouterr().out
    assert said.startswith("what a function logged\n")
    assert "stripe has ended" in said
    assert "out of memory \\u001b[2J" in said


def test_with_aws_the_logs_are_gone_and_it_is_said_why(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    start(settings, "aws", DIES)
    until_dead(settings, "aws")
    assert local.show_logs(settings) == 1
    assert "out of memory" in capsys.readouterr().out


def test_ctrl_c_leaves_no_process_that_is_not_recorded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = processes.started_at

    def interrupted(of: int) -> str | None:
        signal.raise_signal(signal.SIGINT)  # between the start and the note of it
        return started(of)

    monkeypatch.setattr("local.processes.started_at", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(settings, "aws", STAYS)
    monkeypatch.undo()
    assert Processes(settings).alive("aws")


def test_ctrl_c_while_all_is_stopped_stops_all(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aws", "stripe"):
        start(settings, name, STAYS)
    pids = [pid(settings, name) for name in ("aws", "stripe")]
    send = processes.signal_group

    def interrupted(group: int, number: int) -> None:
        send(group, number)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("local.processes.signal_group", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Processes(settings).stop_all()
    assert [one for one in pids if Path(f"/proc/{one}").exists()] == []
    assert Processes(settings).names() == []


def test_terminating_a_command_is_like_ctrl_c() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
        interruptions.all_like_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_sam_and_what_it_started_end_with_the_command(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sam build` runs pip for each layer; a SIGINT to the command alone never reaches either."""
    sam = tmp_path / "sam"
    sam.write_text(f"#!/bin/sh\nsleep 300 &\necho $! > {tmp_path}/child\nkill -INT $PPID\nwait\n")
    sam.chmod(0o755)
    monkeypatch.setattr("local.deployment.sys.executable", str(tmp_path / "python"))
    (tmp_path / "sam-home").mkdir()
    with pytest.raises(KeyboardInterrupt):
        run_sam(Settings(tmp_path / "sam-home", 1, 2, 3), "build", [])
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30
    while processes.started_at(child):
        assert time.monotonic() < deadline, "what sam started is still there"
        time.sleep(0.05)
