"""For all tests: the environment they are imported in, and how they are shared out among processes."""

import os
import secrets
import zoneinfo
from collections import Counter
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.live.shared import StackJson, one_stack

# Powertools reads it when telemetry is first imported, which a test module may do before any fixture runs.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
# Drawn here, so that all processes of a run have the same one.
os.environ.setdefault("CONTRACT_SEED", str(secrets.randbelow(2**32)))
zoneinfo.reset_tzpath(to=())  # the zones that functions have (PYTHONTZPATH in template.yaml)

_ON_THE_SHARED_STACK = ("tests/browser/", "tests/e2e/")
_STACKS_OF_THEIR_OWN = ("tests/e2e/test_local_stack.py", "tests/e2e/test_webhook_endpoint.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A file is one process's, and all that use the shared stack are, so that nothing is set up twice.

    What xdist has for this, its mark `xdist_group`, is without effect under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(_ON_THE_SHARED_STACK) and file not in _STACKS_OF_THEIR_OWN:
            return "the shared stack"
        return file


def pytest_report_header() -> str:
    return f"tests/e2e/test_contract.py: CONTRACT_SEED={os.environ['CONTRACT_SEED']}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: what needs the stack waits more than it works."""
    return (os.process_cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackJson]:
    """The stack.json of the run's one stack."""
    with one_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which browser really started, and for how many tests."""
    browsers = Counter(
        str(value)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        if report.when == "call"
        for name, value in report.user_properties
        if name == "browser"
    )
    for browser, tests in browsers.items():
        terminalreporter.write_line(f"{browser} was driven by {tests} tests")
