"""stack.json: what the stack on this machine says about itself to everybody else."""

import json
from pathlib import Path
from typing import Any


def read(file: Path) -> dict[str, Any] | None:
    try:
        written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return written


def write(file: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for nobody else on this machine: there are tokens in it."""
    written = file.with_suffix(".tmp")
    written.touch(mode=0o600)
    written.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    written.replace(file)
