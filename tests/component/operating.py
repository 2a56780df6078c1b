"""`python -m ops --stack …` in the test's own process: without a name, it looks for a stack started here."""

from collections.abc import Sequence

from ops.__main__ import main as ops

STACK = "mandates-local"


def main(arguments: Sequence[str]) -> int:
    return ops(["--stack", STACK, *arguments])
