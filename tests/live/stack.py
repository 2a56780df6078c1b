"""A running local stack, as chaos and load use it: its API, Stripe's control API, queues and processes."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import httpx

from local.settings import PLACEHOLDER_STRIPE_KEY

Json = dict[str, Any]

_RETRY_SECONDS = 0.3
_GIVE_UP_SECONDS = 120.0


class GaveUp(Exception):
    """Something did not come true in time; the message says what."""


class LiveStack:
    """`described` is a stack.json."""

    def __init__(self, described: Json) -> None:
        self.described = described
        self.http = httpx.Client(timeout=60.0, trust_env=False)
        self.troubles: Counter[str] = Counter()
        """What API callers met and got over, by kind."""
        self._lock = Lock()
        self._clients: list[Any] = []

    def close(self) -> None:
        self.http.close()
        for client in self._clients:
            client.close()

    # ------------------------------------------------------------------------------------ the API

    def call(self, method: str, path: str, token: str, body: Json | None = None) -> Json:
        """The answer of a call that must succeed."""
        answer = self.answered(method, path, token, body)
        if not answer.is_success:
            raise GaveUp(f"{method} {path}: {answer.status_code} {answer.text}")
        answered: Json = answer.json()
        return answered

    def answered(
        self, method: str, path: str, token: str, body: Json | None = None, **headers: str
    ) -> httpx.Response:
        """As a good client calls: the same request again on 429, 5xx and broken connections."""
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            answer = self.attempt(method, path, token, body, **headers)
            if isinstance(answer, httpx.Response) and answer.status_code not in {429, *range(500, 600)}:
                return answer
            with self._lock:
                self.troubles[kind_of(answer)] += 1
            if time.monotonic() > deadline:
                raise GaveUp(f"{method} {path} still fails after {_GIVE_UP_SECONDS:.0f} s: {kind_of(answer)}")
            time.sleep(_RETRY_SECONDS)

    def attempt(
        self, method: str, path: str, token: str, body: Json | None = None, **headers: str
    ) -> httpx.Response | httpx.HTTPError:
        sent = {"Authorization": f"Bearer {token}", **headers}
        try:
            return self.http.request(method, self.described["api_url"] + path, headers=sent, json=body)
        except httpx.HTTPError as error:
            return error

    def post_webhook(self, event: Json) -> httpx.Response:
        """Send an event as Stripe does, signed now."""
        payload = json.dumps(event).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": self.signature_of(payload),
        }
        return self.http.post(
            f"{self.described['api_url']}/webhooks/stripe", content=payload, headers=headers
        )

    def signature_of(self, payload: bytes) -> str:
        """The header's value that Stripe would send with it now."""
        timestamp = int(time.time())
        key = self.described["webhook_secret"].encode()
        digest = hmac.new(key, b"%d.%b" % (timestamp, payload), hashlib.sha256).hexdigest()
        return f"t={timestamp},v1={digest}"

    # --------------------------------------------------------------------------------- the simulator

    def control(self, path: str, **body: Any) -> Json:
        answer = self.http.post(f"{self.described['stripe_control_url']}/{path}", json=body)
        answered: Json = answer.raise_for_status().json()
        return answered

    def stripe_events(self) -> list[Json]:
        """Every event Stripe raised, each with its deliveries."""
        answer = self.http.get(f"{self.described['stripe_control_url']}/events")
        events: list[Json] = answer.raise_for_status().json()["events"]
        return events

    def stripe_list(self, path: str, **params: str) -> Iterator[Json]:
        """All objects of a list, from Stripe's API as anybody with the key reads it."""
        headers = {"Authorization": f"Bearer {PLACEHOLDER_STRIPE_KEY}"}
        query = {"limit": "100", **params}
        while True:
            url = f"{self.described['stripe_url']}/v1/{path}"
            page = self.http.get(url, params=query, headers=headers).raise_for_status().json()
            yield from page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["data"][-1]["id"]

    # ------------------------------------------------------------------------------------------ AWS

    def aws(self, service: str, **credentials: str) -> Any:
        """A client, the account's own unless credentials are given; closed with this stack."""
        connect: Any = boto3.client  # one function for 400 services: its stubs cannot take a plain str
        client = connect(
            service,
            endpoint_url=self.described["aws_endpoint_url"],
            region_name=self.described["region"],
            **(credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}),
        )
        self._clients.append(client)
        return client

    @cached_property
    def sqs(self) -> Any:
        return self.aws("sqs")

    @cached_property
    def dynamodb(self) -> Any:
        return self.aws("dynamodb")

    def items(self, table: str) -> Iterator[Json]:
        pages = self.dynamodb.get_paginator("scan")
        for page in pages.paginate(TableName=self.described["tables"][table], ConsistentRead=True):
            yield from page["Items"]

    def in_flight(self) -> int:
        """Webhook messages that were received and not acknowledged."""
        return self._counted(self.described["queue_url"], "ApproximateNumberOfMessagesNotVisible")

    def waiting(self, queue_url: str) -> int:
        """Messages in a queue, in flight ones too."""
        return self._counted(
            queue_url, "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
        )

    def _counted(self, queue_url: str, *names: str) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        return sum(int(answer[name]) for name in names)

    def dead_letters(self) -> list[str]:
        """The bodies in the dead-letter queue, which is empty afterwards."""
        bodies: list[str] = []
        url = self.described["dlq_url"]
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    @contextmanager
    def redelivering_after(self, seconds: int) -> Iterator[None]:
        """Shorten what a message waits for after its worker died: 90 s (and 6 minutes) are long for a test.

        Below the worker's own time-out it is harsher than on AWS: a slow batch is delivered a second time
        while the first is at work.
        """
        urls = [self.described[name] for name in ("queue_url", "work_queue_url", "charge_queue_url")]
        before = {url: self._counted(url, "VisibilityTimeout") for url in urls}
        for url in urls:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
        try:
            yield
        finally:
            for url, earlier in before.items():
                self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(earlier)})

    @contextmanager
    def piling_up(self) -> Iterator[None]:
        """Have the webhook queue consumed only afterwards."""
        functions = self.aws("lambda")
        mappings = functions.list_event_source_mappings()["EventSourceMappings"]
        (mapping,) = (one for one in mappings if one["EventSourceArn"].endswith(self._queue_name))
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    @property
    def _queue_name(self) -> str:
        return str(self.described["queue_url"]).rpartition("/")[2]

    @contextmanager
    def giving_up_after(self, receives: int) -> Iterator[None]:
        """Have a message that always fails go to the dead letters sooner than after ten receives."""
        url = self.described["queue_url"]
        name = "RedrivePolicy"
        before = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
        sooner = json.dumps({**json.loads(before), "maxReceiveCount": receives})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={name: sooner})
        try:
            yield
        finally:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={name: before})

    # -------------------------------------------------------------------------------------- processes

    def workers(self, function: str) -> list[int]:
        """The pids of this very stack's Lambda workers of a function: children of its own emulator."""
        processes = json.loads((Path(self.described["state_dir"]) / "processes.json").read_text())
        emulator = str(processes["aws"]["pid"])
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        return [
            int(pid)
            for pid, parent, command in (row for row in rows if len(row) == 3)
            if parent == emulator and "_worker.py" in command and f"-{function}-" in command
        ]

    def _are_gone(self, pids: list[int]) -> bool:
        return set(pids).isdisjoint(self.workers("ProcessWebhook"))

    def kill(self, *functions: str) -> int:
        """Kill these functions' workers, whatever they are doing. Returns how many there were."""
        pids = [pid for function in functions for pid in self.workers(function)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def kill_mid_batch(self, seconds: float = 20.0) -> int:
        """Kill the webhook workers while they hold messages. Returns how many messages they held.

        They are halted first: what is in flight while nobody can run is what they hold. Raises GaveUp if
        they are never caught with any, or if a message was acknowledged all the same.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pids = self.workers("ProcessWebhook")
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(0.1)  # what one had answered just before is acknowledged by now
            held = self.in_flight() if pids else 0
            for pid in pids:
                os.kill(pid, signal.SIGKILL if held else signal.SIGCONT)
            if held:
                until(partial(self._are_gone, pids), seconds=10, what="the workers' end")
                if self.in_flight() < held:
                    raise GaveUp(f"of {held} messages held by dead workers, some were acknowledged")
                return held
            time.sleep(0.02)
        raise GaveUp(f"no webhook worker was caught with messages within {seconds:.0f} s")


def kind_of(answer: httpx.Response | httpx.HTTPError) -> str:
    if isinstance(answer, httpx.HTTPError):
        return type(answer).__name__
    try:
        return f"{answer.status_code} {answer.json()['code']}"
    except (ValueError, KeyError):
        return str(answer.status_code)


def until(condition: Callable[[], Any], *, seconds: float, what: str = "it") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise GaveUp(f"{what} did not come true within {seconds:.0f} s")
        time.sleep(0.1)
