"""Leave out of a `pip install --target` tree what no function of ours will ever load.

A layer is unpacked at every cold start of a new machine and on each local worker, and AWS allows 250 MB.
"""

import shutil
import sys
from pathlib import Path

AWS_SERVICES = frozenset(
    {
        "dynamodb",
        "events",
        "kms",
        "secretsmanager",
        "sqs",
    }
)
"""The services whose descriptions botocore keeps; it carries over 400, in 27 MB."""


def slim(packages: Path) -> None:
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in AWS_SERVICES:
            shutil.rmtree(service)
    shutil.rmtree(packages / "bin", ignore_errors=True)  # console scripts, for another machine's Python
    for metadata in packages.glob("*.dist-info"):
        _keep_only(metadata, {"METADATA", "entry_points.txt"})
    for tests in [*packages.rglob("tests"), *packages.rglob("__pycache__")]:
        shutil.rmtree(tests, ignore_errors=True)
    for source in packages.rglob("*.pyi"):
        source.unlink()


def _keep_only(directory: Path, names: set[str]) -> None:
    """importlib.metadata reads a version from METADATA; the rest is for installers, licences apart."""
    for path in directory.iterdir():
        if path.name in names or path.name.lower().startswith(("license", "licence", "notice", "copying")):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
