"""MiniStack, with fixes for what this stack needs. Its settings are its own environment variables.

Each fix below replaces one function of the pinned version (`ministack==1.5.33`) and says why.
"""

import asyncio
import copy
import hashlib
import os
import signal
import threading
import time
import zipfile
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypercorn.asyncio as hypercorn_asyncio
from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]
from ministack.core.responses import error_response_json, json_response  # type: ignore[import-untyped]
from ministack.services import apigateway_v1, dynamodb, lambda_svc, secretsmanager  # type: ignore[import-untyped]

from local.settings import EMULATOR_SAVED

WORKERS_PER_FUNCTION = max(4, 2 * (os.cpu_count() or 1))
_WAIT_SECONDS = 0.02
_STILL_WITHIN_SECONDS = 5.0
_stopping = threading.Event()


def queue_for_a_worker() -> None:
    """Let a request wait for a worker instead of starting another one.

    Like Lambda, MiniStack starts a process for every concurrent request. Fifty at once on two cores take
    minutes to import the same packages. Waiting is safe: no function of ours calls another.
    """
    acquire = lambda_runtime.acquire_worker

    def acquire_or_wait(*arguments: Any, **options: Any) -> tuple[Any, str]:
        while not _stopping.is_set():
            worker, how = acquire(*arguments, **{**options, "max_concurrency": WORKERS_PER_FUNCTION})
            if worker is not None:
                return worker, how
            time.sleep(_WAIT_SECONDS)
        raise RuntimeError("AWS on this machine is stopping")

    lambda_svc.acquire_worker = acquire_or_wait


def unpack_once(cache: Path) -> None:
    """Unpack a layer once and link to it. MiniStack unpacks thousands of files for every worker."""
    lock = threading.Lock()

    class SharedZipFile(zipfile.ZipFile):
        def namelist(self) -> list[str]:
            """MiniStack looks for entries that escape the folder. `extractall` drops those by itself."""
            return []

        def extractall(self, path: Any = None, *_: Any, **__: Any) -> None:
            assert self.filename is not None
            with open(self.filename, "rb") as archive:
                unpacked = cache / hashlib.file_digest(archive, "sha256").hexdigest()
            with lock:
                if not unpacked.exists():
                    partial = unpacked.with_suffix(".partial")
                    super().extractall(partial, super().namelist())
                    partial.rename(unpacked)
            for entry in unpacked.iterdir():
                (Path(path) / entry.name).symlink_to(entry)

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=SharedZipFile,
        BadZipFile=zipfile.BadZipFile,
        LargeFileError=zipfile.LargeZipFile,  # MiniStack's name for it
    )


def import_all_of_an_api() -> None:
    """Import gateway responses and preflights from an API's definition. MiniStack imports only routes."""
    import_routes = apigateway_v1._import_rest_api

    def import_rest_api(definition: dict[str, Any], base: dict[str, Any] | None = None) -> str:
        api_id: str = import_routes(definition, base)
        for kind, response in definition.get("x-amazon-apigateway-gateway-responses", {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        for path, operations in definition.get("paths", {}).items():
            if "options" in operations:
                _import_preflight(api_id, path, operations["options"]["x-amazon-apigateway-integration"])
        return api_id

    apigateway_v1._import_rest_api = import_rest_api


def _import_preflight(api_id: str, path: str, integration: dict[str, Any]) -> None:
    resources = apigateway_v1._resources[api_id]
    resource_id = next(key for key, resource in resources.items() if resource["path"] == path)
    for response in integration["responses"].values():
        apigateway_v1._put_integration_response(
            api_id, resource_id, "OPTIONS", str(response["statusCode"]), response
        )


def keep_workers_that_raised() -> None:
    """Let a function that raised serve the next request, as on AWS. MiniStack ends its process.

    The authorizer refuses a token by raising, so each refused token would cost a start of a second or more.
    """
    invoke, end, collect = lambda_runtime.Worker.invoke, lambda_runtime._signal, lambda_runtime._collect
    invoking = threading.local()

    def end_later(process: Any) -> None:
        if getattr(invoking, "now", False):
            invoking.ended = process
        else:
            end(process)

    def collect_later(process: Any, deadline: float) -> Any:
        return None if getattr(invoking, "now", False) else collect(process, deadline)

    def invoke_and_keep(worker: Any, *arguments: Any, **options: Any) -> Any:
        invoking.now, invoking.ended = True, None
        try:
            response = invoke(worker, *arguments, **options)
        finally:
            invoking.now = False
        process = invoking.ended
        if process is not None and "trace" in response and process.poll() is None:
            worker._proc = process
        elif process is not None:
            end(process)
            collect(process, time.monotonic() + lambda_runtime._REAP_GRACE)
        return response

    lambda_runtime.Worker.invoke = invoke_and_keep
    lambda_runtime._signal, lambda_runtime._collect = end_later, collect_later


_raw_path: ContextVar[str] = ContextVar("raw_path", default="")


def hand_paths_over_undecoded() -> None:
    """Match routes against the path as it was sent, and pass its parts on undecoded, as a REST API does.

    MiniStack decodes the whole path first. Then an id with an encoded slash reaches no route, and a function
    that decodes its id once, as it must on AWS, would decode it twice.
    """
    hypercorn: Any = hypercorn_asyncio
    serve, match = hypercorn.serve, apigateway_v1._match_resource_tree

    async def serve_with_raw_paths(application: Any, config: Any, **options: Any) -> None:
        async def remembering(scope: Any, receive: Any, send: Any) -> None:
            _raw_path.set(scope.get("raw_path", b"").decode("latin-1"))
            await application(scope, receive, send)

        await serve(remembering, config, **options)

    def match_undecoded(api_id: str, segments: list[str]) -> tuple[Any, dict[str, str]]:
        _, found, rest = _raw_path.get().partition(f"/_aws/execute-api/{api_id}/")
        sent = [part for part in rest.partition("/")[2].split("/") if part] if found else segments
        matched: tuple[Any, dict[str, str]] = match(api_id, sent)
        return matched

    hypercorn.serve, apigateway_v1._match_resource_tree = serve_with_raw_paths, match_undecoded


def count_loopback_as_tls() -> None:
    """Count every request as TLS, for policies that demand it: nothing here leaves the machine."""
    pin = app.pin_request_origin
    app.pin_request_origin = lambda source_ip, _secure: pin(source_ip, True)


def authorise_batches_as_single_messages() -> None:
    """Let sqs:SendMessage allow SendMessageBatch, as on AWS. MiniStack asks for a nonexistent action.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    """
    extract = iam_actions.extract_iam_action

    def extract_single(service: str, *request: Any) -> str | None:
        action: str | None = extract(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = extract_single


def heed_failures_in_streams() -> None:
    """Deliver a stream's batch again when its consumer reports failures. MiniStack drops those reports."""
    execute = lambda_svc._execute_function

    def execute_and_heed(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, event)
        answer = result.get("body")
        records = event.get("Records") or [{}]
        reported = isinstance(answer, dict) and answer.get("batchItemFailures")
        from_stream = records[0].get("eventSource") == "aws:dynamodb"
        return {**result, "error": True} if from_stream and reported else result

    lambda_svc._execute_function = execute_and_heed


def keep_versions_of_secrets() -> None:
    """Refuse another value under a version's token. MiniStack overwrites the first value."""
    put = secretsmanager._put_secret_value

    def put_if_new(data: dict[str, Any]) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        token = data.get("ClientRequestToken")
        version = secret["Versions"].get(token) if secret and token else None
        if version is None:
            return put(data)
        if version["SecretString"] != data.get("SecretString"):
            return error_response_json("ResourceExistsException", "That version has another value.", 400)
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})

    secretsmanager._put_secret_value = put_if_new


def keep_streams() -> None:
    """Save the tables' streams with the tables.

    MiniStack saves how far a stream was read, but not the stream. Unread records would be lost, and as many
    new records would be skipped.
    """
    get_tables, load_tables = dynamodb.get_state, dynamodb.load_persisted_state

    def get_state() -> dict[str, Any]:
        streams = {"records": dynamodb._stream_records, "trimmed": dynamodb._stream_trimmed}
        return {**get_tables(), "streams": copy.deepcopy(streams)}

    def load_persisted_state(data: dict[str, Any]) -> None:
        load_tables(data)
        dynamodb._stream_records.update(data["streams"]["records"])
        dynamodb._stream_trimmed.update(data["streams"]["trimmed"])

    dynamodb.get_state, dynamodb.load_persisted_state = get_state, load_persisted_state


def stop_still(folder: Path) -> None:
    """Stop all functions before anything is saved, so that everything saved is from one moment.

    MiniStack closes its port first and goes on delivering messages to functions that can reach nothing. Then
    it saves service by service while they write, and only logs what it could not save. Here a running
    function ends as if its machine had failed: its messages are still there and are delivered again.
    """
    hypercorn: Any = hypercorn_asyncio
    serve, save_all = hypercorn.serve, app.save_all

    async def serve_until_still(application: Any, config: Any) -> None:
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)

        async def still() -> None:
            await asked.wait()
            _stopping.set()
            await asyncio.to_thread(_end_workers)

        await serve(application, config, shutdown_trigger=still)

    def saved_at() -> dict[str, int]:
        return {path.stem: path.stat().st_mtime_ns for path in folder.glob("*.json")}

    def save_all_and_say_so(services: dict[str, Any]) -> None:
        before = saved_at()
        save_all(services)
        written = {service for service, at in saved_at().items() if at != before.get(service)}
        if services.keys() <= written:
            (folder / EMULATOR_SAVED).touch()

    hypercorn.serve, app.save_all = serve_until_still, save_all_and_say_so
    for name in ("_poll_sqs", "_poll_dynamodb_streams"):
        poll = getattr(lambda_svc, name)
        setattr(lambda_svc, name, lambda poll=poll: not _stopping.is_set() and poll())


def _end_workers() -> None:
    deadline = time.monotonic() + _STILL_WITHIN_SECONDS
    while time.monotonic() < deadline:
        workers = [worker for pool in list(lambda_runtime._workers.values()) for worker in list(pool)]
        lambda_runtime.kill_workers(workers)
        if not any(worker.in_use for worker in workers):
            return
        time.sleep(_WAIT_SECONDS)


if __name__ == "__main__":
    queue_for_a_worker()
    keep_workers_that_raised()
    unpack_once(Path(os.environ["STATE_DIR"]) / "unpacked")
    import_all_of_an_api()
    count_loopback_as_tls()
    authorise_batches_as_single_messages()
    heed_failures_in_streams()
    keep_versions_of_secrets()
    keep_streams()
    hand_paths_over_undecoded()
    stop_still(Path(os.environ["STATE_DIR"]))
    app.main()
