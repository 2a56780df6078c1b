"""For all tests: the environment they are imported in, and how they are shared out among processes."""

import os
import zoneinfo

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# Powertools reads it when telemetry is first imported, which a test module may do before any fixture runs.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
zoneinfo.reset_tzpath(to=())  # the zones that functions have (PYTHONTZPATH in template.yaml)

_STACKS_OF_THEIR_OWN = ("tests/e2e/test_local_stack.py", "tests/e2e/test_webhook_endpoint.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A file is one process's, and all that use the shared stack are, so that nothing is set up twice.

    What xdist has for this, its mark `xdist_group`, is without effect under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/e2e/") and file not in _STACKS_OF_THEIR_OWN:
            return "tests/e2e"
        return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: what needs the stack waits more than it works."""
    return (os.process_cpu_count() or 1) + 1
