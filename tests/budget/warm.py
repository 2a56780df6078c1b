"""A warm handler, measured from inside its process: the CPU each call takes, beside that of a bare AWS call.

    python -m tests.budget.warm JOB        run by bench.py with nothing of ours but the artefact on the path

Handler and bare call take turns, so that what disturbs one disturbs the other. The bare call is botocore's
own with its own settings, made with what the handler itself sends. For a charge, the two calls of Stripe's
SDK belong to it.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

Json = dict[str, Any]
WARMING_CALLS = 15


def measured(call: Callable[[], Any]) -> tuple[int, Any]:
    """Nanoseconds of CPU, and what the call returned."""
    before = time.process_time_ns()
    returned = call()
    return time.process_time_ns() - before, returned


def payments_of(address: str) -> Callable[[], Any]:
    """What creates and confirms an intent with the SDK alone, over our HTTP client."""
    sdk: Any = importlib.import_module("stripe")
    transport: Any = importlib.import_module("mandates.gateway.http_client")
    http_client = transport.Urllib3Client(address, connect_timeout=2, read_timeout=8)
    payments = sdk.StripeClient(
        "sk_test_placeholder", http_client=http_client, base_addresses={"api": address}
    ).v1.payment_intents

    def pay() -> None:
        intent = payments.create({"amount": 1299, "currency": "usd", "customer": "cus_1"})
        payments.confirm(intent.id, {"payment_method": "pm_1", "off_session": True})

    return pay


def main(job: Json) -> Json:
    session = importlib.import_module("botocore.session").get_session()
    app: Any = importlib.import_module("app")
    context = SimpleNamespace(
        aws_request_id="request", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn"
    )
    client = session.create_client(job["service"])
    operation = getattr(client, job["operation"])
    stripe = payments_of(job["stripe"]) if "stripe" in job else None

    def ask(**parameters: Any) -> None:
        operation(**parameters)
        if stripe:
            stripe()

    handler: list[int] = []
    bare: list[int] = []
    for event, parameters in zip(job["events"], job["bare"], strict=True):
        nanoseconds, answer = measured(partial(app.handler, event, context))
        if answer != job["answer"] if "answer" in job else job["contains"] not in answer["body"]:
            raise AssertionError(f"the handler answered {answer}")
        handler.append(nanoseconds)
        bare.append(measured(partial(ask, **parameters))[0])
    return {"handler": handler[WARMING_CALLS:], "bare": bare[WARMING_CALLS:]}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as job_file:
        described = json.load(job_file)
    results = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is logged is written, and read by nobody
    json.dump(main(described), results)
    results.close()
