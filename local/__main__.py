"""The whole system on one machine: see `python -m local --help`."""

import argparse
import os
import sys
from collections.abc import Sequence

import httpx

from local import aws, demo, environment, interruptions, logs, sam_local, schedules, stack
from local.deployment import CommandFailed
from local.processes import NotStarted, NotStopped, Processes
from local.progress import say
from local.settings import Settings
from local.trigger import command as trigger
from mandates.core.visible import visible_lines
from ops.printing import finish

FAILURES = (
    CommandFailed,
    NotStarted,
    NotStopped,
    demo.DidNotWork,
    schedules.RunFailed,
    trigger.NotTriggered,
    httpx.HTTPError,
)
"""Their messages are for people."""


def main() -> int:
    commands = {
        "up": _up,
        "down": _down,
        "restart-aws": _restart_aws,
        "status": _status,
        "logs": show_logs,
        "run-schedules": _run_schedules,
        "demo": _demo,
    }
    with_arguments = {"sam": sam_local.main, "token": _token, "trigger": trigger.main}
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=[*commands, *with_arguments])
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        help="of `sam local`, e.g. start-api; whose token: "
        f"{', '.join(aws.CALLERS)}; of `trigger`, e.g. authorize (`trigger --help` lists all)",
    )
    chosen = parser.parse_args()
    if bool(chosen.arguments) != (chosen.command in with_arguments):
        parser.error("`sam`, `token` and `trigger` need arguments; the other commands take none")
    if chosen.command == "token" and chosen.arguments not in [[name] for name in aws.CALLERS]:
        parser.error(f"`token` needs one of {', '.join(aws.CALLERS)}")
    settings = Settings.from_environment()
    # From here on, this process doesn't know of any AWS account either.
    cleaned = environment.clean()
    os.environ.clear()
    os.environ.update(cleaned)
    interruptions.all_like_ctrl_c()
    try:
        if chosen.command in with_arguments:
            return with_arguments[chosen.command](settings, chosen.arguments)
        return commands[chosen.command](settings)
    except FAILURES as error:
        say(f"\n{error or repr(error)}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130
    finally:
        finish()


def _up(settings: Settings) -> int:
    running = stack.up(settings)
    say(f"""
  Storefront   {running["storefront_url"]}
  API          {running["api_url"]}
  Stripe       {running["stripe_url"]}
  AWS          {running["aws_endpoint_url"]}
  Details      {settings.stack_file}
  Logs         {settings.logs}""")
    return 0


def _down(settings: Settings) -> int:
    stopped = stack.down(settings)
    say(f"  Stopped {', '.join(stopped)}." if stopped else "  Nothing was running.")
    return 0


def _restart_aws(settings: Settings) -> int:
    stack.restart_aws(settings)
    return 0


def _status(settings: Settings) -> int:
    processes = Processes(settings)
    for name in processes.names():
        say(f"  {name:<11}{'running' if processes.alive(name) else 'ended'}")
    running = stack.read(settings)
    say("  The stack is up." if running else "  The stack is down: make up")
    return 0 if running else 1


def show_logs(settings: Settings) -> int:
    """Show them even if a process has died, since that is when they are needed. Returns 1 if the emulator,
    which holds the functions' logs, has ended."""
    processes = Processes(settings)
    ended = [name for name in processes.names() if not processes.alive(name)]
    if not processes.names():
        say("  The stack is down: make up")
        return 1
    if "aws" not in ended:
        for line in logs.lines(settings):
            say(line)
    for name in ended:
        say(f"\n  {name} has ended (`make up` starts everything anew). The end of its log:")
        say(visible_lines(processes.end_of_log(name)))
    return 1 if "aws" in ended else 0


def _run_schedules(settings: Settings) -> int:
    """Run now what would run within a minute or a quarter of an hour: charges that are due, missed events."""
    if stack.read(settings) is None:
        say("  The stack is down: make up")
        return 1
    for name in schedules.run_now(settings):
        say(f"  ✓ {name}")
    return 0


def _token(settings: Settings, arguments: Sequence[str]) -> int:
    """Print a fresh access token and nothing else, so that a shell can take it into a variable."""
    token = stack.token(settings, arguments[0])
    if token is None:
        print("The stack is down: make up", file=sys.stderr)
        return 1
    print(token)
    return 0


def _demo(_: Settings) -> int:
    return demo.run()


if __name__ == "__main__":
    sys.exit(main())
