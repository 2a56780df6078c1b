"""CloudFormation gets exactly one answer, in time, whatever the work does."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mandates.webhooks import custom_resource
from mandates.webhooks.custom_resource import (
    ANSWER_ATTEMPTS,
    ANSWER_SECONDS,
    RESERVED_SECONDS,
    Provide,
    put_answer,
    serve,
)

EVENT = {
    "RequestType": "Create",
    "RequestId": "request-1",
    "ResponseURL": "https://answers.example/x",
    "StackId": "arn:stack",
    "LogicalResourceId": "Thing",
    "ResourceProperties": {},
}


class CloudFormation:
    """Takes the answer, after having refused so many."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.answers: list[dict[str, Any]] = []
        self.paused: list[float] = []

    def send(self, url: str, body: bytes) -> None:
        assert url == EVENT["ResponseURL"]
        if self.refuses:
            self.refuses -= 1
            raise OSError("no")
        self.answers.append(json.loads(body))

    def ask(self, provide: Provide, *, remaining: Callable[[], float] = lambda: 300, **event: Any) -> None:
        serve(
            {**EVENT, **event},
            remaining,
            physical_id=lambda stack, name: f"{stack}/{name}",
            provide=provide,
            explain=lambda error: f"explained {type(error).__name__}",
            send=self.send,
            sleep=self.paused.append,
        )


def fails(*_: Any) -> None:
    raise RuntimeError("secret words")


def works(*_: Any) -> None:
    return None


def test_success() -> None:
    asked = CloudFormation()
    asked.ask(works)
    assert asked.answers == [
        {
            "Status": "SUCCESS",
            "Reason": "",
            "PhysicalResourceId": "arn:stack/Thing",
            "StackId": "arn:stack",
            "RequestId": "request-1",
            "LogicalResourceId": "Thing",
        }
    ]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_failure_is_explained_and_the_resource_keeps_its_name(kind: str) -> None:
    asked = CloudFormation()
    asked.ask(fails, RequestType=kind, PhysicalResourceId="known")
    (answer,) = asked.answers
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "explained RuntimeError")
    assert answer["PhysicalResourceId"] == "known"


def test_a_deletion_always_succeeds() -> None:
    asked = CloudFormation()
    asked.ask(fails, RequestType="Delete", PhysicalResourceId="known")
    (answer,) = asked.answers
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"].endswith("explained RuntimeError")


@pytest.mark.parametrize("refuses", range(ANSWER_ATTEMPTS))
def test_an_answer_that_does_not_arrive_is_sent_again(refuses: int) -> None:
    asked = CloudFormation(refuses)
    asked.ask(works)
    assert len(asked.answers) == 1
    assert asked.paused == [0.5, 1.0, 2.0][:refuses]


def test_after_the_last_attempt_it_ends_without_an_error() -> None:
    asked = CloudFormation(ANSWER_ATTEMPTS)
    asked.ask(works)
    assert asked.answers == []
    assert asked.refuses == 0


def test_all_attempts_fit_into_the_time_kept_for_them() -> None:
    pauses = sum(0.5 * 2**attempt for attempt in range(ANSWER_ATTEMPTS - 1))
    assert ANSWER_ATTEMPTS * custom_resource.ANSWER_TIMEOUT_SECONDS + pauses <= ANSWER_SECONDS
    assert RESERVED_SECONDS >= ANSWER_SECONDS + 21


@pytest.mark.parametrize(
    ("kind", "status"), [("Create", "FAILED"), ("Update", "FAILED"), ("Delete", "SUCCESS")]
)
def test_the_watchdog_answers_for_hanging_work_and_nothing_begins_after_it(kind: str, status: str) -> None:
    asked = CloudFormation()
    begun: list[str] = []

    def hangs(_request: Any, go_on: Callable[[], None]) -> None:
        deadline = time.monotonic() + 5
        while not asked.answers and time.monotonic() < deadline:
            time.sleep(0.01)
        go_on()
        begun.append("too late")

    asked.ask(hangs, RequestType=kind, remaining=lambda: ANSWER_SECONDS + 0.05)
    (answer,) = asked.answers
    assert answer["Status"] == status
    assert "Time ran out" in answer["Reason"]
    assert begun == []


def test_a_watchdog_is_called_off_when_the_work_is_done() -> None:
    asked = CloudFormation()
    asked.ask(works, remaining=lambda: ANSWER_SECONDS + 0.05)
    time.sleep(0.15)
    assert [answer["Status"] for answer in asked.answers] == ["SUCCESS"]
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


class Container:
    """A function's time, and a send that takes as long as it's told to. Frozen, it sends nothing any more."""

    def __init__(self, seconds: float) -> None:
        self.asked = CloudFormation()
        self.sending = threading.Event()
        self.taken = threading.Event()
        self.frozen = False
        self._ends_at = time.monotonic() + seconds

    def remaining(self) -> float:
        return self._ends_at - time.monotonic()

    def send(self, url: str, body: bytes) -> None:
        self.sending.set()
        self.taken.wait(10)
        if not self.frozen:
            self.asked.send(url, body)

    def runs(self, provide: Provide) -> None:
        serve(
            EVENT,
            self.remaining,
            physical_id=lambda *_: "x",
            provide=provide,
            explain=str,
            send=self.send,
            sleep=self.asked.paused.append,
        )
        self.frozen = True


@pytest.mark.parametrize("ends", [works, fails])
def test_what_the_watchdog_is_sending_is_waited_for_when_the_work_ends_meanwhile(ends: Provide) -> None:
    container = Container(ANSWER_SECONDS + 0.05)

    def until_the_watchdog_is_sending(request: Any, go_on: Callable[[], None]) -> None:
        assert container.sending.wait(5)
        threading.Timer(0.2, container.taken.set).start()
        ends(request, go_on)

    container.runs(until_the_watchdog_is_sending)
    (answer,) = container.asked.answers
    assert "Time ran out" in answer["Reason"]


def test_a_send_that_never_ends_is_not_waited_for_beyond_the_functions_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(custom_resource, "ENDING_SECONDS", ANSWER_SECONDS - 0.3)
    container = Container(ANSWER_SECONDS + 0.05)

    def until_the_watchdog_is_sending(*_: Any) -> None:
        assert container.sending.wait(5)

    container.runs(until_the_watchdog_is_sending)
    assert ANSWER_SECONDS - 2 < container.remaining() < ANSWER_SECONDS - 0.3
    assert container.asked.answers == []
    container.taken.set()


def test_a_long_reason_is_cut() -> None:
    asked = CloudFormation()
    serve(
        EVENT,
        lambda: 300,
        physical_id=lambda *_: "x",
        provide=fails,
        explain=lambda _: "ü" * 10_000,
        send=asked.send,
    )
    assert len(json.dumps(asked.answers[0], ensure_ascii=True)) > 1000
    assert len(asked.answers[0]["Reason"]) == custom_resource.MAX_REASON_LENGTH


# -------------------------------------------------------------------------------------- the sending


@pytest.fixture
def received() -> Iterator[tuple[str, list[tuple[str, str | None, bytes]]]]:
    got: list[tuple[str, str | None, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(403 if "refuse" in self.path else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_answer_is_put_without_a_content_type(received: Any) -> None:
    url, got = received
    put_answer(f"{url}/x?signed=1", b"{}")
    assert got == [("/x?signed=1", "", b"{}")]


def test_a_refused_answer_raises(received: Any) -> None:
    with pytest.raises(OSError, match="403"):
        put_answer(f"{received[0]}/refuse", b"{}")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "", "x"])
def test_only_the_web_is_answered(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        put_answer(url, b"{}")
