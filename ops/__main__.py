"""The command line. For a stack at AWS it uses AWS's usual credentials and region (ops/which_stack.py)."""

import argparse
import sys
import traceback
import zoneinfo
from collections.abc import Sequence
from typing import NoReturn

from mandates.core.formats import NewerFormat
from mandates.core.visible import visible
from ops import (
    charges,
    customer,
    dlq,
    events,
    evidence,
    explain,
    mandate,
    reconcile,
    tables,
    terms,
    unpublished,
    webhook_secret,
    withdrawals,
)
from ops.existing_tables import TABLES
from ops.printing import complain, finish
from ops.rehearsal import command as rehearsal
from ops.stack import Stack, StackError
from ops.which_stack import stack_for


class CommandLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """The message may repeat an argument, and nobody need have typed that."""
        super().error(visible(message))


def command_line() -> CommandLine:
    parser = CommandLine(prog="python -m ops", description="Operate a mandates stack.")
    parser.add_argument(
        "--stack",
        metavar="NAME",
        help="the CloudFormation stack at AWS (default: the stack of `make up` on this machine)",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE=NAME",
        type=_other_table,
        action="append",
        default=[],
        help=f"use this table, such as a restored one, in place of the stack's own ({', '.join(TABLES)})",
    )
    parser.set_defaults(offline=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    terms.add_commands(commands)
    tables.add_commands(commands)
    customer.add_commands(commands)
    mandate.add_commands(commands)
    evidence.add_commands(commands)
    webhook_secret.add_commands(commands)
    reconcile.add_commands(commands)
    rehearsal.add_commands(commands)
    events.add_commands(commands)
    dlq.add_commands(commands)
    unpublished.add_commands(commands)
    withdrawals.add_commands(commands)
    charges.add_commands(commands)
    explain.add_commands(commands)
    return parser


def _other_table(text: str) -> tuple[str, str]:
    table, _, name = text.partition("=")
    if table not in TABLES or not name:
        raise argparse.ArgumentTypeError(
            f"give one of {', '.join(TABLES)}, an equals sign, and a table's name"
        )
    return table, name


def main(arguments: Sequence[str] | None = None) -> int:
    zoneinfo.reset_tzpath(to=())  # tzdata's zones, as functions have them: this machine may know others
    try:
        chosen = command_line().parse_args(arguments)
        stack = Stack("none") if chosen.offline else stack_for(chosen.stack, dict(chosen.table))
        return int(chosen.run(stack, chosen))
    except (StackError, NewerFormat) as error:
        complain(error)
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except Exception:  # our own fault; its message may contain anything, too
        for line in traceback.format_exc().rstrip().split("\n"):
            complain(line)
    finally:
        finish()
    return 1


if __name__ == "__main__":
    sys.exit(main())
