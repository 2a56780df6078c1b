"""What is shipped, and what it is compared with: folders as Lambda unpacks them, and how Python runs in them.

Three kinds: `shipped` is what `sam build` makes; `plain` is the same code and the same locked packages as pip
leaves them, so without bytecode and with everything in them; `floor` is a handler that only makes the AWS
clients that the function makes, by botocore, on the layers as shipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.ship_fonts import ship
from local import deployment
from local.settings import ROOT, Settings
from tests.template.stack import folder_of, raw

PYTHON = os.path.realpath(sys.executable)
"""The interpreter itself: a virtual environment would add what Lambda does not have."""

LAYERS = ("DependenciesLayer", "MandatesLayer")

CLIENTS: Mapping[str, tuple[str, ...]] = {
    "AuthorizeRequest": (),
    "CreateCheckoutSession": ("secretsmanager", "dynamodb"),
    "CreateCustomer": ("secretsmanager", "dynamodb"),
    "ExportEvidence": ("kms", "dynamodb"),
    "ProcessWebhook": ("dynamodb",),
    "PublishChanges": ("events", "sqs"),
    "QueueWithdrawals": ("sqs",),
    "ReadCheckoutSession": ("secretsmanager", "dynamodb"),
    "ReadMandates": ("dynamodb",),
    "ReadTerms": ("dynamodb",),
    "ReceiveWebhook": ("sqs", "secretsmanager"),
    "ReconcileEvents": ("dynamodb", "secretsmanager", "sqs"),
    "RegisterWebhook": ("secretsmanager",),
    "RenderEvidence": ("kms", "dynamodb"),
    "RecordReturn": ("dynamodb",),
    "RevokeMandate": ("dynamodb",),
    "SettleWithdrawals": ("secretsmanager", "dynamodb", "sqs"),
}
"""By function: the clients it makes while it starts."""


@dataclass(frozen=True)
class Artefact:
    """`task` is /var/task, `layers` are what is unpacked to /opt/python."""

    task: Path
    layers: tuple[Path, ...]

    @property
    def search_path(self) -> str:
        return os.pathsep.join(map(str, (self.task, *self.layers)))


def functions() -> list[str]:
    """The logical ids of all functions."""
    resources = raw()["Resources"].items()
    return [name for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"]


def built() -> Path:
    """`sam build` for this machine, once for each state of the sources."""
    return deployment.build(Settings.from_environment()).parent


def shipped(build: Path, function: str) -> Artefact:
    return Artefact(build / function, tuple(build / layer / "python" for layer in LAYERS))


def floor(build: Path, function: str, into: Path) -> Artefact:
    task = into / "floor" / function
    task.mkdir(parents=True, exist_ok=True)
    lines = (
        ["import botocore.session", "", "session = botocore.session.get_session()"]
        if CLIENTS[function]
        else []
    )
    lines += [f'{name} = session.create_client("{name}")' for name in CLIENTS[function]]
    lines += ["", "def handler(event, context):", "    return None", ""]
    (task / "app.py").write_text("\n".join(lines))
    _compile(task)
    return Artefact(task, shipped(build, function).layers)


def plain(function: str, into: Path) -> Artefact:
    packages, ours = into / "plain" / "packages", into / "plain" / "ours"
    if not packages.exists():
        _install(ROOT / "layers" / "dependencies" / "requirements.txt", packages)
        _copy(ROOT / "layers" / "mandates" / "python", ours)
    task = into / "plain" / function
    if not task.exists():
        source = ROOT / "functions" / folder_of(function)
        _copy(source, task)
        if (source / "requirements.txt").exists():
            _install(source / "requirements.txt", task)
        if (source / "fonts.txt").exists():
            _install(source / "fonts.txt", into / "plain" / "fonts")
            ship(source / "fonts.sha256", into / "plain" / "fonts", task / "fonts")
    return Artefact(task, (packages, ours))


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def _install(requirements: Path, target: Path) -> None:
    """As pip downloads and unpacks them. uv keeps the wheels that the build has just used."""
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--system-certs"]
    where = ["--python", sys.executable, "--target", str(target), "--link-mode", "copy"]
    subprocess.run([*uv, *where, "--require-hashes", "-r", str(requirements)], check=True)


def _compile(folder: Path) -> None:
    subprocess.run(
        [PYTHON, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", str(folder)],
        check=True,
    )


def runtime_client(into: Path) -> Path:
    """AWS's own runtime client in a folder of its own, as the image has it beside nothing of ours."""
    folder = into / "awslambdaric"
    if not folder.exists():
        folder.mkdir(parents=True)
        site = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        for name in ("awslambdaric*", "runtime_client*", "simplejson*", "snapshot_restore_py*"):
            for path in site.glob(name):
                (folder / path.name).symlink_to(path)
    return folder


def environment(function: str, aws_url: str) -> dict[str, str]:
    """What the template gives a function, for the canned AWS; nothing of this machine's, and no bytecode is
    written: Lambda's folders are read-only."""
    template: Any = raw()
    declared = {
        **template["Globals"]["Function"]["Environment"]["Variables"],
        **template["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {}),
    }
    return {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "canned",
        "AWS_SECRET_ACCESS_KEY": "canned",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict(_values(declared, aws_url)),
    }


def _values(declared: Mapping[str, Any], aws_url: str) -> Iterator[tuple[str, str]]:
    known = {
        "ALLOWED_ORIGINS": "https://shop.example",
        "OWNER_MARK": "mandates-local",
        "OIDC_ISSUER": aws_url,
        "OIDC_AUDIENCES": "an-audience",
        "OIDC_JWKS_URL": "",
        "STRIPE_API_BASE": aws_url,
        "STRIPE_LIVEMODE": "false",
        "STRIPE_WEBHOOK_SECRETS_ARN": "webhook-secrets",
    }
    for name, value in declared.items():
        if name in known:
            yield name, known[name]
        elif name.endswith("_TABLE"):
            yield name, name.removesuffix("_TABLE").lower()
        elif name.endswith("_QUEUE_URL"):
            yield name, f"{aws_url}/123456789012/queue"
        else:
            yield name, value if isinstance(value, str) else "a-value"
