"""AWS as far as the functions ask it, with answers that are always the same and cost this process nothing.

    python -m tests.budget.canned_aws        prints its address, serves until its standard input ends

It stores nothing but the heads of charges: every event is new, every mandate exists, every write succeeds.
It is Stripe as well, where every payment succeeds. What is left
to measure in a function that talks to it is the function's own work.
"""

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mandates.store import mandates as store
from mandates.store.dynamodb import item_of
from mandates.store.tables import HeadRow, TermsRow
from tests.budget.examples import WEBHOOK_SECRET, mandate, terms

Json = dict[str, Any]
Answer = Callable[[Json], Json]


def _send_message(asked: Json) -> Json:
    return {"MD5OfMessageBody": hashlib.md5(asked["MessageBody"].encode()).hexdigest(), "MessageId": "1"}


def _secret(asked: Json) -> Json:
    webhook = json.dumps({"format": 1, "secrets": [WEBHOOK_SECRET]})
    value = webhook if "webhook" in asked["SecretId"] else "sk_test_placeholder"
    return {"ARN": asked["SecretId"], "Name": "secret", "VersionId": "1", "SecretString": value}


def _items(asked: Json) -> Json:
    found = {
        table: [item for key in wanted["Keys"] for item in _ROWS.get(table, _nothing)(key)]
        for table, wanted in asked["RequestItems"].items()
    }
    return {"Responses": found, "UnprocessedKeys": {}}


def _nothing(_: Json) -> list[Json]:
    return []


def _head(key: Json) -> list[Json]:
    if not key["mandate_id"]["S"].startswith("mdt_"):
        return []  # what a container asks for at its start, to open the connection
    if key["record"]["S"] != "head":
        return []
    return [item_of(HeadRow, store.head_values(mandate(key["mandate_id"]["S"])))]


def _stripe_customer(key: Json) -> list[Json]:
    """It belongs to one of our customers and has no facts; payment methods were never heard of."""
    known = key["subject"]["S"].startswith("stripe_customer#")
    return [{**key, "format": {"N": "1"}, "customer_id": {"S": "auth0|somebody"}}] if known else []


def _terms(key: Json) -> list[Json]:
    if key["version"]["S"] != terms().version:
        return []
    values = {
        "record": "version",
        "version": terms().version,
        "document": terms().to_plain(),
        "digest": terms().digest,
        "published_at": "2026-11-01T00:00:00.000Z",
    }
    return [item_of(TermsRow, values)]


_CHARGES: dict[str, Json] = {}
"""The heads of charges, by sort key, as they were reserved."""


def _charge(key: Json) -> list[Json]:
    found = _CHARGES.get(key["record"]["S"])
    return [found] if found else []


def _transaction(asked: Json) -> Json:
    for write in asked["TransactItems"]:
        item = write.get("Put", {}).get("Item", {})
        if item.get("record", {}).get("S", "").startswith("charge#"):
            _CHARGES[item["record"]["S"]] = item
    return {}


def _payment(path: str) -> Json:
    """What Stripe answers to the creation and to the confirm of an intent."""
    intent = {"id": f"pi_{len(_CHARGES)}", "object": "payment_intent", "amount": 1299, "currency": "usd"}
    if not path.endswith("/confirm"):
        return {**intent, "status": "requires_payment_method", "latest_charge": None}
    charge = {"id": f"py_{len(_CHARGES)}", "object": "charge", "created": int(time.time())}
    return {**intent, "status": "succeeded", "amount_received": 1299, "latest_charge": charge}


_ROWS: dict[str, Callable[[Json], list[Json]]] = {
    "charges": _charge,
    "mandates": _head,
    "stripe_subjects": _stripe_customer,
    "terms": _terms,
}
"""By table: the items under a key. There is nothing in the others."""

_ANSWERS: dict[str, Answer] = {
    "AmazonSQS.SendMessage": _send_message,
    "AWSEvents.PutEvents": lambda asked: {
        "FailedEntryCount": 0,
        "Entries": [{"EventId": "1"} for _ in asked["Entries"]],
    },
    "DynamoDB_20120810.BatchGetItem": _items,
    "DynamoDB_20120810.PutItem": lambda _: {},
    "DynamoDB_20120810.Query": lambda _: {"Items": [], "Count": 0, "ScannedCount": 0},
    "DynamoDB_20120810.TransactWriteItems": _transaction,
    "DynamoDB_20120810.UpdateItem": lambda _: {},
    "secretsmanager.GetSecretValue": _secret,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/v1/"):
            self._answer(200, _payment(self.path))
            return
        operation = self.headers.get("X-Amz-Target", "")
        answer = _ANSWERS.get(operation)
        self._answer(
            *(200, answer(json.loads(body))) if answer else (400, {"__type": f"Unknown#{operation}"})
        )

    def do_GET(self) -> None:
        """What a connection is opened with, and an issuer's keys."""
        self._answer(200, {"keys": []})

    def _answer(self, status: int, answer: Json) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def main() -> None:
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
