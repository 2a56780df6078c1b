"""The stack that the shop belongs to, as its stack.json has it now."""

from pathlib import Path
from typing import Any

from local import stack_file


class NotReady(Exception):
    """The stack is not deployed yet: the shop's process starts first."""


class RunningStack:
    def __init__(self, file: Path) -> None:
        self.file = file

    def described(self) -> dict[str, Any]:
        """Read anew each time: the stack may have been deployed, or deployed again. Raises NotReady."""
        described = stack_file.read(self.file)
        if described is None:
            raise NotReady
        return described

    def remembered(self) -> dict[str, Any]:
        """What the stack's own programs keep: how to sign in. Raises NotReady."""
        remembered = stack_file.read(stack_file.state_beside(self.file))
        if remembered is None:
            raise NotReady
        return remembered
