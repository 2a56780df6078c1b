"""stack.json: how others learn about the stack on this machine."""

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
    """Write the whole file or nothing, readable by this user only: it contains tokens."""
    written = file.with_suffix(".tmp")
    written.touch(mode=0o600)
    written.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    written.replace(file)


def state_beside(file: Path) -> Path:
    """What this project's own programs remember about the stack of that stack.json."""
    return file.with_name("state.json")
