"""The command line. Credentials and region are AWS's usual ones; the stack is found by its name."""

import argparse
import sys
from collections.abc import Sequence

from ops import (
    customer,
    dlq,
    events,
    evidence,
    explain,
    mandate,
    reconcile,
    terms,
    unpublished,
    webhook_secret,
)
from ops.stack import Stack, StackError


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops", description="Operate a mandates stack.")
    parser.add_argument("--stack", default="mandates-local", help="the CloudFormation stack (mandates-local)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    terms.add_commands(commands)
    customer.add_commands(commands)
    mandate.add_commands(commands)
    evidence.add_commands(commands)
    webhook_secret.add_commands(commands)
    reconcile.add_commands(commands)
    events.add_commands(commands)
    dlq.add_commands(commands)
    unpublished.add_commands(commands)
    explain.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = command_line().parse_args(arguments)
    try:
        return int(chosen.run(Stack(chosen.stack), chosen))
    except StackError as error:
        print(f"{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
