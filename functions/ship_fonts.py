"""Copies a function's fonts out of the packages that have them: the files its list names, and no code.

    python3.13 ship_fonts.py LIST PACKAGES TARGET

LIST is as `sha256sum` writes it, with paths below PACKAGES, a folder that packages were unpacked to. Called
by the Makefile beside this. After another version of the packages, look at what changed and write it anew.
"""

import hashlib
import sys
from pathlib import Path


class NotThatFile(Exception):
    """A file is not there, or is not the one that was looked at when the list was written."""


def ship(listed: Path, packages: Path, target: Path) -> None:
    """Everything or nothing. Raises NotThatFile."""
    files = {path: _checked(packages / path, digest) for digest, path in entries(listed)}
    for path, data in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)


def entries(listed: Path) -> list[tuple[str, str]]:
    """The SHA-256 and the path of each file."""
    lines = listed.read_text(encoding="utf-8").splitlines()
    return [(digest, path) for digest, _, path in (line.partition("  ") for line in lines)]


def _checked(file: Path, digest: str) -> bytes:
    data = file.read_bytes() if file.is_file() else None
    if data is None or hashlib.sha256(data).hexdigest() != digest:
        raise NotThatFile(f"{file.name} is not the file in the list: is it another version of the package?")
    return data


if __name__ == "__main__":
    ship(*map(Path, sys.argv[1:]))
