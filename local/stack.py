"""One stack, from nothing to usable and back: what `up` and `down` do, and what stack.json says."""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from local import aws, deployment, environment, stack_file
from local.processes import NotStarted, NotStopped, Processes, is_listening
from local.progress import say, step
from local.settings import EMULATOR_SAVED, HOST, PLACEHOLDER_STRIPE_KEY, REGION, ROOT, STACK_NAME, Settings
from mandates.core.stripe_events.projection import HANDLED_TYPES
from ops.existing_tables import TABLES, store_name
from ops.parameters import digest

TERMS = ROOT / "terms" / "example.yaml"
_OUTPUTS = {store_name(table): table for table in TABLES}
"""The stack's outputs, by their names in stack.json."""


def up(settings: Settings) -> dict[str, Any]:
    """Start what is not running, deploy what has changed, and write stack.json. Safe to repeat."""
    with _only_one(settings):
        processes = Processes(settings)
        if _is_running(settings, processes):
            return _deploy(settings)
        _reset(settings, processes)
        with _nothing_left_after(KeyboardInterrupt, settings, processes):
            with _nothing_left_after(BaseException, settings, processes):
                _start(settings, processes)
            return _deploy(settings)  # if this fails, the functions' logs are needed


def start(settings: Settings) -> None:
    """Start AWS and Stripe with nothing deployed. The next `up`, of whatever release, deploys."""
    with _only_one(settings):
        processes = Processes(settings)
        _reset(settings, processes)
        with _nothing_left_after(BaseException, settings, processes):
            _start(settings, processes)
            _remember(settings, deployed="nothing yet")


def down(settings: Settings) -> list[str]:
    """End the processes of this stack and nothing else. What they hold in memory is lost."""
    with _only_one(settings):
        processes = Processes(settings)
        stopped = processes.stop_all()
        _forget(settings)
        return stopped


def restart_aws(settings: Settings) -> None:
    """Stop only the emulator and start it again with all its state. Addresses, ids and tokens stay valid."""
    with _only_one(settings):
        processes = Processes(settings)
        if not _is_running(settings, processes):
            raise NotStarted("the stack is not running: make up")
        with step("Restarting AWS on this machine"):
            saved = settings.state / "aws" / EMULATOR_SAVED
            saved.unlink(missing_ok=True)
            processes.stop("aws")
            if not saved.exists():
                raise NotStopped(f"AWS did not save all it held:\n{processes.end_of_log('aws')}")
            _start_emulator(settings, processes)
            processes.wait_until_listening("aws")


def read(settings: Settings) -> dict[str, Any] | None:
    """stack.json of the last `up`, if that stack is still running."""
    processes = Processes(settings)
    if not processes.names() or not all(processes.alive(name) for name in processes.names()):
        return None
    return stack_file.read(settings.stack_file)


def token(settings: Settings, name: str) -> str | None:
    """A new access token, as `aws.token` gives it, or None if the stack is not running."""
    if (running := read(settings)) is None:
        return None
    identity = aws.Identity.from_dict(_state(settings)["identity"])
    return aws.token(running["aws_endpoint_url"], identity, name)


def _is_running(settings: Settings, processes: Processes) -> bool:
    """Whether the stack is deployed and all of it runs, with the Stripe that is asked for."""
    wanted = {"aws", "storefront"} if settings.uses_real_stripe else {"aws", "storefront", "stripe"}
    complete = set(processes.names()) == wanted and all(map(processes.alive, wanted))
    return complete and "deployed" in _state(settings)


def _reset(settings: Settings, processes: Processes) -> None:
    """Nothing of an earlier run can be reused: the emulator and the simulator keep everything in memory."""
    if stopped := processes.stop_all():
        say(f"  Stopped what was left of an earlier run: {', '.join(stopped)}")
    _forget(settings)
    ports = {
        "MANDATES_AWS_PORT": settings.aws_port,
        "MANDATES_STRIPE_PORT": settings.stripe_port,
        "MANDATES_STOREFRONT_PORT": settings.storefront_port,
    }
    for variable, port in ports.items():
        if is_listening(port):
            raise SystemExit(f"Port {port} is in use by something else. Set {variable} to another one.")


def _start(settings: Settings, processes: Processes) -> None:
    python = [sys.executable, "-m"]
    clean = environment.clean()
    _start_emulator(settings, processes)
    if not settings.uses_real_stripe:
        listen = ["local.stripe_simulator", "--host", HOST, "--port", str(settings.stripe_port)]
        named = ["--business-name", "Example Shop"]  # as in terms/example.yaml
        processes.start("stripe", [*python, *listen, *named], settings.stripe_port, clean)
    listen = ["local.storefront", "--host", HOST, "--port", str(settings.storefront_port)]
    stack = ["--stack", str(settings.stack_file)]
    asks_stripe = (
        {"STRIPE_SECRET_KEY": settings.stripe_key} if settings.stripe_key else {}
    )  # the console does
    processes.start("storefront", [*python, *listen, *stack], settings.storefront_port, clean | asks_stripe)

    # Building needs none of them, so it runs while they start, in the main thread, which Ctrl-C reaches.
    with step("Starting AWS and Stripe on this machine, and building with SAM"), ThreadPoolExecutor() as pool:
        preparing = pool.submit(_prepare, settings, processes)
        deployment.build(settings)
        preparing.result()


def _prepare(settings: Settings, processes: Processes) -> None:
    """What an ops team has before the first deployment."""
    for name in processes.names():
        processes.wait_until_listening(name)
    aws.create_artifacts_bucket(settings)
    key = settings.stripe_key or PLACEHOLDER_STRIPE_KEY
    _remember(
        settings,
        stripe_key_arn=aws.store_stripe_key(settings, key),
        identity=aws.create_identity(settings).to_dict(),
    )


def _start_emulator(settings: Settings, processes: Processes) -> None:
    folder = settings.state / "aws"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # its saved state contains secrets
    (folder / "tmp").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "local.emulator"]
    environ = environment.clean() | emulator_environment(settings, folder)
    processes.start("aws", command, settings.aws_port, environ)


def emulator_environment(settings: Settings, folder: Path) -> dict[str, str]:
    """MiniStack's settings: https://github.com/ministackorg/ministack#configuration"""
    return {
        "GATEWAY_PORT": str(settings.aws_port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(folder),
        "TMPDIR": str(folder / "tmp"),
        # It saves when told to stop and reads when it starts: `python -m local restart-aws`.
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "AUTH": "true",  # roles are enforced: a function may do only what it may do on AWS
        # Listeners that nobody needs here. The first would bind to every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Requests queue for a worker (local.emulator) instead of being refused.
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        "LAMBDA_WARM_TTL_SECONDS": "3600",
    }


def _deploy(settings: Settings) -> dict[str, Any]:
    """Deploy unless this very code and these parameters are deployed. Then do what an operator does once."""
    state = _state(settings)
    identity = aws.Identity.from_dict(state["identity"])
    parameters = _parameters(settings, identity, state["stripe_key_arn"])
    wanted = f"{deployment.fingerprint()} {digest(parameters)}"
    if state.get("deployed") != wanted:
        template = deployment.build(settings)
        with step("Deploying with SAM"):
            deployment.deploy(settings, template, parameters)
        _remember(settings, deployed=wanted)
    tokens = aws.tokens(settings.aws_url, identity)
    found = aws.outputs(settings, STACK_NAME)
    with step("Publishing the terms, waking the functions"):
        with ThreadPoolExecutor() as pool:
            waking = pool.submit(_wake, found["ApiUrl"], tokens["customer"])
            if settings.uses_real_stripe:
                _listen_to_stripe(settings, found)
            refused = publish_terms(settings)
        waking.result()
        offered = _get(f"{found['ApiUrl']}/terms/current")
    stack = _describe(settings, identity, found, tokens)
    stack_file.write(settings.stack_file, stack)  # first: fixing the terms requires it
    if offered.status_code == httpx.codes.NOT_FOUND:
        raise deployment.CommandFailed(f"The stack is up, but offers no terms: {refused}")
    offered.raise_for_status()
    return stack


def _wake(api_url: str, token: str) -> None:
    """Start the functions that read, so that a person's first request does not wait for them."""
    _get(f"{api_url}/terms/current")
    _get(f"{api_url}/mandates/mdt_none", Authorization=f"Bearer {token}")


def _get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=60.0, trust_env=False)


def _parameters(settings: Settings, identity: aws.Identity, stripe_key_arn: str) -> dict[str, str]:
    return deployment.parameters(
        settings,
        # API Gateway's own answers can name one origin or all of them.
        CorsOrigin="*" if settings.origins else settings.storefront_url,
        OwnerMark=owner_mark(settings),
        StripeApiKeySecretArn=stripe_key_arn,
        OidcIssuer=identity.issuer,
        OidcJwksUrl=identity.jwks_url,
        OidcAudiences=f"{identity.customer_client_id},{identity.service_client_id}",
        ServiceClientIds=identity.service_client_id,
        ScopePrefix=f"{aws.RESOURCE_SERVER}/",
    )


def listening_command(settings: Settings) -> list[str]:
    """A command of Stripe's CLI (https://docs.stripe.com/cli/listen), which signs with its own secret."""
    address = f"{settings.storefront_url}/api/webhooks/stripe"
    return ["stripe", "listen", "--forward-to", address, "--events", ",".join(HANDLED_TYPES)]


def owner_mark(settings: Settings) -> str:
    """Random, so that several developers can share a Stripe account. Kept when the stack goes down, so that
    the next one finds what this one made at Stripe."""
    file = settings.state / "owner-mark.json"
    kept = stack_file.read(file) or {"owner_mark": f"local-{secrets.token_hex(8)}"}
    stack_file.write(file, kept)
    return str(kept["owner_mark"])


def _listen_to_stripe(settings: Settings, found: dict[str, str]) -> None:
    """Stripe can't reach this machine, so its CLI forwards events, signed with the CLI's own secret."""
    if settings.stripe_webhook_secret is None:
        say("  Stripe cannot reach this machine. Run")
        say(f"  {' '.join(listening_command(settings))}")
        say("  and `make up` again with STRIPE_WEBHOOK_SECRET set to what it prints.")
        return
    aws.store_webhook_secret(settings, found["StripeWebhookSecretsArn"], settings.stripe_webhook_secret)


def publish_terms(settings: Settings) -> str | None:
    """Publish with ops, as an operator does. Returns its error, if any; other terms may be offered then."""
    finished = subprocess.run(
        [sys.executable, "-m", "ops", "--stack", STACK_NAME, "terms", "publish", str(TERMS)],
        cwd=ROOT,
        env={**environment.for_aws(settings), "PYTHONPATH": str(ROOT / "layers" / "mandates" / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{finished.stdout}{finished.stderr}" if finished.returncode else None


def _describe(
    settings: Settings, identity: aws.Identity, found: dict[str, str], tokens: dict[str, str]
) -> dict[str, Any]:
    simulator = None if settings.uses_real_stripe else settings.stripe_url
    return {
        "api_url": found["ApiUrl"],
        "owner_mark": found["OwnerMark"],
        "stripe_url": simulator or "https://api.stripe.com",
        "stripe_control_url": simulator and f"{simulator}/_control",
        "storefront_url": settings.storefront_url,
        "allowed_origins": settings.allowed_origins,
        "webhook_secret": aws.webhook_secret(settings, found["StripeWebhookSecretsArn"]),
        "issuer": identity.issuer,
        "tokens": tokens,
        "customer_ids": identity.customer_ids,
        "tables": {name: found[output] for name, output in _OUTPUTS.items()},
        "queue_url": found["WebhookQueueUrl"],
        "dlq_url": found["WebhookDeadLettersUrl"],
        "work_queue_url": found["StripeWorkQueueUrl"],
        "charge_queue_url": found["ChargeQueueUrl"],
        "state_dir": str(settings.state),
        "aws_endpoint_url": settings.aws_url,
        "region": REGION,
    }


# ---------------------------------------------------------------------------------- what is remembered


def _state_file(settings: Settings) -> Path:
    return stack_file.state_beside(settings.stack_file)


def _state(settings: Settings) -> dict[str, Any]:
    return stack_file.read(_state_file(settings)) or {}


def _remember(settings: Settings, **values: Any) -> None:
    """For the next `up`, and for new tokens. stack.json is for everybody else."""
    stack_file.write(_state_file(settings), {**_state(settings), **values})


def _forget(settings: Settings) -> None:
    for file in (settings.stack_file, _state_file(settings)):
        file.unlink(missing_ok=True)
    shutil.rmtree(settings.state / "aws", ignore_errors=True)


@contextmanager
def _nothing_left_after(
    problem: type[BaseException], settings: Settings, processes: Processes
) -> Iterator[None]:
    """Half a stack would only be in the way of the next attempt."""
    try:
        yield
    except problem:
        processes.stop_all()
        _forget(settings)
        raise


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """The system releases the lock when its holder ends, so a killed `up` leaves none behind."""
    settings.state.mkdir(parents=True, exist_ok=True)
    with (settings.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  Waiting for another `up` or `down` of this stack …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpid()))
        yield
