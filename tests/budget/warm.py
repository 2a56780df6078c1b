"""A warm handler, measured from inside its process: the CPU each call takes, beside that of a bare AWS call.

    python -m tests.budget.warm JOB        run by bench.py with nothing of ours but the artefact on the path

Handler and bare call take turns, so that what disturbs one disturbs the other. The bare call is botocore's
own with its own settings, made with what the handler itself sends.
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


def main(job: Json) -> Json:
    session = importlib.import_module("botocore.session").get_session()
    app: Any = importlib.import_module("app")
    context = SimpleNamespace(
        aws_request_id="request", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn"
    )
    client = session.create_client(job["service"])
    ask = getattr(client, job["operation"])
    handler: list[int] = []
    bare: list[int] = []
    for event, parameters in zip(job["events"], job["bare"], strict=True):
        nanoseconds, answer = measured(partial(app.handler, event, context))
        if answer != job["answer"]:
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
