"""Which modules a function loads while it starts, and from where: asked of a Python of its own.

python -S imports.py        with the artefact on PYTHONPATH; prints JSON, for `of` below
"""

import importlib.abc
import importlib.machinery
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STDLIB = str(Path(json.__file__).parents[1])


@dataclass(frozen=True)
class Imports:
    """`compiled` are the files that Python had to compile, at every cold start again."""

    modules: frozenset[str]
    compiled: tuple[str, ...]


def of(python: str, search_path: str, environment: dict[str, str], handler: str = "app") -> Imports:
    """Raises AssertionError with what the function printed if it does not start."""
    ran = subprocess.run(
        [python, "-S", __file__, handler],
        env={**environment, "PYTHONPATH": search_path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    return Imports(frozenset(found["modules"]), tuple(found["compiled"]))


def main(handler: str) -> dict[str, Any]:
    compiled: list[str] = []
    source_to_code = importlib.machinery.SourceFileLoader.source_to_code

    def noted(self: Any, data: Any, path: Any, **options: Any) -> Any:
        if not str(path).startswith(STDLIB):
            compiled.append(str(path))
        return source_to_code(self, data, path, **options)

    importlib.machinery.SourceFileLoader.source_to_code = noted  # type: ignore[method-assign]
    time.sleep = lambda _: None  # between attempts to reach an AWS that does not answer
    importlib.import_module(handler)
    return {"modules": sorted(sys.modules), "compiled": compiled}


if __name__ == "__main__":
    sys.path.pop(0)  # this file's own folder, which Lambda does not have
    print(json.dumps(main(sys.argv[1])))
