"""What is shipped, and what it is compared with: folders as Lambda unpacks them, and how Python runs in them.

Three kinds: `shipped` is what `sam build` makes; `plain` is the same code and the same locked packages as pip
leaves them, so without bytecode and with everything in them; `floor` is a handler that only makes the AWS
clients that the function makes, by botocore, on the layers as shipped.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from functions.ship_fonts import ship
from local import deployment
from local.settings import ROOT, Settings
from tests.functions import FUNCTIONS, folder_of

PYTHON = os.path.realpath(sys.executable)
"""The interpreter itself: a virtual environment would add what Lambda does not have."""

LAYERS = ("DependenciesLayer", "MandatesLayer")


@dataclass(frozen=True)
class Artefact:
    """`task` is /var/task, `layers` are what is unpacked to /opt/python."""

    task: Path
    layers: tuple[Path, ...]

    @property
    def search_path(self) -> str:
        return os.pathsep.join(map(str, (self.task, *self.layers)))


def built() -> Path:
    """`sam build` for this machine, once for each state of the sources."""
    return deployment.build(Settings.from_environment()).parent


def shipped(build: Path, function: str) -> Artefact:
    return Artefact(build / function, tuple(build / layer / "python" for layer in LAYERS))


def floor(build: Path, function: str, into: Path) -> Artefact:
    task = into / "floor" / function
    task.mkdir(parents=True, exist_ok=True)
    clients = FUNCTIONS[function].clients
    lines = ["import botocore.session", "", "session = botocore.session.get_session()"] if clients else []
    lines += [f'{name} = session.create_client("{name}")' for name in clients]
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
    """As pip downloads and unpacks them. uv keeps the wheels that the build has just used.

    The locks are complete, but for what layers/dependencies/excluded.txt names.
    """
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--system-certs"]
    where = ["--python", sys.executable, "--target", str(target), "--link-mode", "copy"]
    subprocess.run([*uv, *where, "--no-deps", "--require-hashes", "-r", str(requirements)], check=True)


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
