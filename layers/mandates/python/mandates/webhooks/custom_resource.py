"""CloudFormation's custom resources: the request, and the one answer that CloudFormation waits for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html. CloudFormation learns only what
is PUT to the request's address, and the deployment stands still until then. So there is always exactly one
answer: from the work, from its failure, or from a watchdog before Lambda ends the function.
"""

import json
import threading
import time
import traceback
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mandates.runtime.telemetry import logger

ANSWER_ATTEMPTS = 4
ANSWER_TIMEOUT_SECONDS = 4.0
ANSWER_SECONDS = 20.0
"""Four attempts of 4 s, with pauses of half a second, one and two seconds between them."""

RESERVED_SECONDS = ANSWER_SECONDS + 30.0
"""No effect begins later than this before the function's end. The longest takes 21 s (Stripe, twice), and its
answer must still go out."""

ENDING_SECONDS = 1.0
"""Waiting for the watchdog's answer stops this long before the function's end. A function that Lambda ends
has failed, and an address can take longer than its time-outs, which apply to each step of a connection."""

MAX_REASON_LENGTH = 1000  # of the 4,096 bytes that an answer may have

TIME_IS_UP = "Time ran out before everything was done. Deploy again: it goes on from there."

RequestType = Literal["Create", "Update", "Delete"]
Send = Callable[[str, bytes], None]


class BadRequest(Exception):
    pass


class TimeUp(TimeoutError):
    pass


@dataclass(frozen=True, slots=True)
class CustomResourceRequest:
    """`physical_id` is CloudFormation's id of the resource; None in a Create."""

    kind: RequestType
    request_id: str
    stack_id: str
    logical_id: str
    physical_id: str | None
    properties: Mapping[str, Any]


Provide = Callable[[CustomResourceRequest, Callable[[], None]], None]
"""Does what is asked, or raises. Before each effect it calls its second argument, which may raise TimeUp."""


def serve(
    event: Any,
    remaining_seconds: Callable[[], float],
    *,
    physical_id: Callable[[str, str], str],
    provide: Provide,
    explain: Callable[[Exception], str],
    send: Send | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Do the work and answer. It returns normally whatever happens, since Lambda would otherwise call again.

    `physical_id` makes the resource's name from the stack's id and its logical id. A Delete is always
    answered with success. Whatever could not be removed is logged as left to do, and must not hold up the
    stack's deletion.
    """
    answer = _Answer(event, physical_id, send or put_answer, sleep)
    watchdog = threading.Timer(max(0.0, remaining_seconds() - ANSWER_SECONDS), answer.time_is_up)
    watchdog.daemon = True
    watchdog.start()

    def go_on() -> None:
        if answer.given or remaining_seconds() < RESERVED_SECONDS:
            raise TimeUp(TIME_IS_UP)

    try:
        provide(parsed_request(event), go_on)
    except Exception as error:
        # Log where it failed, but not its message: Stripe's messages quote parts of the key.
        where = traceback.format_tb(error.__traceback__)
        logger.error("the request failed", extra={"error": type(error).__name__, "where": where})
        answer.failure(str(error) if isinstance(error, BadRequest | TimeUp) else explain(error))
    else:
        answer.success()
    finally:
        watchdog.cancel()
        # The watchdog may be answering now. Once the function returns, Lambda freezes what has not been sent:
        # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
        watchdog.join(max(0.0, remaining_seconds() - ENDING_SECONDS))


def parsed_request(event: Any) -> CustomResourceRequest:
    """Raises BadRequest for anything that CloudFormation would not send."""
    match event:
        case {
            "RequestType": "Create" | "Update" | "Delete" as kind,
            "RequestId": str(request_id),
            "StackId": str(stack_id),
            "LogicalResourceId": str(logical_id),
            "ResourceProperties": dict(properties),
        }:
            known = event.get("PhysicalResourceId")
            if known is None or isinstance(known, str):
                return CustomResourceRequest(kind, request_id, stack_id, logical_id, known, properties)
    raise BadRequest("This is not a CloudFormation request for a custom resource.")


class _Answer:
    """The answer. It is given once, by whoever is first."""

    def __init__(
        self,
        event: Any,
        physical_id: Callable[[str, str], str],
        send: Send,
        sleep: Callable[[float], None],
    ) -> None:
        self._event = event if isinstance(event, dict) else {}
        self._physical_id = physical_id
        self._send = send
        self._sleep = sleep
        self._lock = threading.Lock()
        self.given = False

    def success(self) -> None:
        self._give("SUCCESS", "")

    def failure(self, reason: str) -> None:
        if self._event.get("RequestType") == "Delete":
            logger.error("left to do by hand, see docs/deploying.md", extra={"reason": reason})
            self._give("SUCCESS", f"Left to do by hand, see docs/deploying.md. {reason}")
        else:
            self._give("FAILED", reason)

    def time_is_up(self) -> None:
        self.failure(TIME_IS_UP)

    def _give(self, status: str, reason: str) -> None:
        with self._lock:
            if self.given:
                return
            self.given = True
        url = self._event.get("ResponseURL")
        if not isinstance(url, str):
            logger.error("nobody to answer: the request has no ResponseURL")
            return
        body = json.dumps(
            {
                "Status": status,
                "Reason": reason[:MAX_REASON_LENGTH],
                "PhysicalResourceId": self._name(),
                **{name: self._event.get(name, "") for name in ("StackId", "RequestId", "LogicalResourceId")},
            }
        ).encode()
        for attempt in range(ANSWER_ATTEMPTS):
            try:
                self._send(url, body)
            except Exception as error:
                # The address is not logged: anybody who has it can answer.
                logger.warning("the answer was not accepted", extra={"error": type(error).__name__})
                if attempt + 1 < ANSWER_ATTEMPTS:
                    self._sleep(0.5 * 2**attempt)
            else:
                return
        logger.error("CloudFormation was not answered; it fails the deployment after ServiceTimeout")

    def _name(self) -> str:
        """Always the same for the resource: a different name would turn an update into a replacement."""
        given = self._event.get("PhysicalResourceId")
        if isinstance(given, str) and given:
            return given
        return self._physical_id(
            str(self._event.get("StackId", "")), str(self._event.get("LogicalResourceId", ""))
        )


def put_answer(url: str, body: bytes) -> None:
    """Raises OSError, or ValueError for an address that is not http or https."""
    if urllib.parse.urlsplit(url).scheme not in {"https", "http"}:  # http: an emulator's
        raise ValueError("the address for the answer is not http")
    # The address's signature is for a request without a content type.
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_SECONDS):  # noqa: S310
        return
