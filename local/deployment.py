"""`sam build` and `sam deploy`: the same commands as for AWS, with only another endpoint."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from local import environment
from local.interruptions import held_back
from local.settings import ROOT, Settings
from ops.existing_tables import pointed_at
from ops.parameters import as_overrides, digest, effective, stamped

_BUILDS = ROOT / ".aws-sam" / "local"
_BUILDS_KEPT = 3
_PACKED = "packed.json"
_SOURCES = ("template.yaml", "samconfig.toml", "layers", "functions", "local/deployment.py")


class CommandFailed(Exception):
    """A command of the deployment failed. The message has the end of its output."""


def fingerprint() -> str:
    """A hash of everything that a build depends on: what is built, and with which tools."""
    digest = hashlib.sha256(f"{sys.version} {platform.platform()}".encode())
    for source in _SOURCES:
        for path in sorted(_files(ROOT / source)):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def build(settings: Settings) -> Path:
    """Build once per fingerprint, for this machine's Python. Returns the built template."""
    _BUILDS.mkdir(parents=True, exist_ok=True)
    target = _BUILDS / fingerprint()
    with _locked(_BUILDS / "lock"):
        if not target.exists():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            command = ["build", "--config-env", "local", "--no-cached", "--build-dir", str(partial)]
            run_sam(settings, "build", command, PLATFORM="host")
            _pack(partial)
            partial.rename(target)
        os.utime(target)
        by_age = sorted(
            (path for path in _BUILDS.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
        )
        for old in by_age[:-_BUILDS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return target / "template.yaml"


def deploy(settings: Settings, template: Path, parameters: Mapping[str, str]) -> None:
    """Deploy what was built, as `make deploy` does (ops/deploy.py)."""
    packed = json.loads(template.with_name(_PACKED).read_text())
    values = effective(packed, parameters)
    # A name of its own: two stacks may deploy the same build at once, with different values.
    to_deploy = template.with_name(f"deployed-{digest(values)}.json")
    to_deploy.write_text(json.dumps(stamped(pointed_at(packed, values), values)))
    config = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local"]
    command = ["deploy", *config, "--template-file", str(to_deploy), "--no-progressbar"]
    run_sam(settings, "deploy", [*command, "--parameter-overrides", *as_overrides(values)])


def _pack(built: Path) -> None:
    """Zip each artefact for all deployments of this build, and write the template that names the zips.

    Otherwise each `sam deploy` would zip them (8 s) and parse the template as YAML (5 s). JSON is fast.
    """
    template = yaml.safe_load((built / "template.yaml").read_text())
    artefacts = [
        (resource["Properties"], key)
        for resource in template["Resources"].values()
        for key in ("CodeUri", "ContentUri")
        if key in resource.get("Properties", {})
    ]
    with ThreadPoolExecutor() as pool:
        zips = pool.map(_zip, [built / properties[key] for properties, key in artefacts])
        for (properties, key), packed in zip(artefacts, zips, strict=True):
            properties[key] = packed.name
    (built / _PACKED).write_text(json.dumps(template))


def _zip(folder: Path) -> Path:
    packed = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(filter(Path.is_file, folder.rglob("*"))):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)))  # of 1980, like SAM's
            entry.external_attr = (path.stat().st_mode | 0o444) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=1)
    return packed


def parameters(settings: Settings, **chosen: str) -> dict[str, str]:
    """The template's parameters on one machine. `chosen` are those that exist only once the emulator runs."""
    simulator = {} if settings.uses_real_stripe else {"StripeApiBase": settings.stripe_url}
    return {
        "Stage": "local",
        "Architecture": "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
        "AllowedOrigins": ",".join(settings.allowed_origins),
        "StripeLivemode": "false",
        # Stripe itself can't reach this machine.
        "RegisterWebhookEndpoint": "false" if settings.uses_real_stripe else "true",
        "ApiBaseUrl": f"{settings.aws_url}/_aws/execute-api",
        "LogRetentionDays": "1",
        **simulator,
        **chosen,
    }


def run_sam(settings: Settings, name: str, arguments: Sequence[str], **extra: str) -> None:
    """Run SAM with its output in a log. If it fails, show the end of the log."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    log = settings.logs / f"sam-{name}.log"
    home = settings.state / "sam"
    home.mkdir(exist_ok=True)
    # SAM looks for a newer version once a week. This says it just did, so it won't wait for a network.
    (home / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    command = [str(Path(sys.executable).with_name("sam")), *arguments]
    environ = {**environment.for_aws(settings), "__SAM_CLI_APP_DIR": str(home), **extra}
    if _run(command, environ, log) != 0:
        shown = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise CommandFailed(f"sam {name} failed ({log}):\n{shown}")


def _run(command: Sequence[str], environ: Mapping[str, str], log: Path) -> int:
    """Returns the exit code. An interruption ends the command with everything that it started."""
    running = None
    try:
        with log.open("wb") as output, held_back():
            running = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # makes a process group of them
            )
        return running.wait()
    except BaseException:
        if running is not None:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        raise


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        for inner in path.rglob("*"):
            if inner.is_file() and "__pycache__" not in inner.parts:
                yield inner


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two stacks may start at once. The second then finds the first one's build."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
