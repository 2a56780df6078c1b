"""`… | head`: whoever reads goes away, and the command does its work to the end without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# 20,000 lines are more than a pipe holds.
SAYS = """
import local.progress
from ops.printing import complain, say
for number in range(20_000):
    {say}(str(number))
complain("the last thing was done")
"""
ASKS_FOR_HELP = "import sys; from ops.__main__ import main; sys.stdin.read(); sys.exit(main(['--help']))"


@pytest.mark.parametrize("say", ["say", "local.progress.say"])
def test_what_is_done_is_done_to_its_end(say: str) -> None:
    assert with_a_reader_of(1, SAYS.format(say=say)) == (0, "the last thing was done\n")


def test_what_argparse_prints_may_be_left_unread() -> None:
    """It is written only when Python ends, which then complains in its own words, and ends with 120."""
    assert with_a_reader_of(0, ASKS_FOR_HELP) == (0, "")


def with_a_reader_of(lines: int, source: str) -> tuple[int, str]:
    """The exit code, and what was complained about, if only so many lines are read."""
    pipe = subprocess.PIPE
    buffering = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        env=buffering,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as running:
        assert running.stdin
        assert running.stdout
        assert running.stderr
        for _ in range(lines):
            running.stdout.readline()
        running.stdout.close()
        running.stdin.close()
        complained = running.stderr.read()
        return running.wait(), complained
