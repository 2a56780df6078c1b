"""Which stack a command is for. A named stack is at AWS; without a name it is on this machine.

- `--stack NAME`: wherever AWS's own variables and profiles lead. stack.json is not read.
- No name, but AWS_ENDPOINT_URL is set: the local stack there, with the credentials that are set.
- Neither: the stack of `make up`, at the address in its stack.json. AWS's variables and profiles are ignored:
  real credentials never reach it, and no stack at AWS is ever mistaken for it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from local import environment, stack_file
from local.settings import STACK_NAME, Settings
from ops.printing import complain
from ops.stack import Stack, StackError


def stack_for(name: str | None, other_tables: Mapping[str, str] | None = None) -> Stack:
    """The stack; for a local one, points this process at it. Raises StackError if there is none."""
    if name is not None:
        return Stack(name, other_tables=other_tables)
    if not os.environ.get("AWS_ENDPOINT_URL"):
        file = _file()
        described = stack_file.read(file)
        if described is None:
            raise StackError(
                f"which stack? Name one at AWS with --stack, or start one here with `make up` (no {file})"
            )
        _lead_to(described["aws_endpoint_url"])
    # Nobody who meant a stack at AWS must mistake this one for it. On stderr: a program may read stdout.
    complain(f"(the stack on this machine, {os.environ['AWS_ENDPOINT_URL']}; for one at AWS give --stack)")
    return Stack(STACK_NAME, is_local=True, other_tables=other_tables)


def note_webhook_secret(secret: str) -> None:
    """Write it into stack.json, if that describes the stack that this process talks to."""
    file = _file()
    described = stack_file.read(file)
    if described is not None and described["aws_endpoint_url"] == os.environ.get("AWS_ENDPOINT_URL"):
        stack_file.write(file, {**described, "webhook_secret": secret})


def _file() -> Path:
    return Settings.from_environment().stack_file


def _lead_to(endpoint_url: str) -> None:
    state = {name: value for name, value in os.environ.items() if name.startswith("MANDATES_")}
    led = environment.for_endpoint(endpoint_url)
    os.environ.clear()
    os.environ.update(led | state)
