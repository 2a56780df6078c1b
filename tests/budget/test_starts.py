"""No function's start takes much more CPU than that of a handler that only makes its AWS clients."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.budget import artefacts, starts
from tests.budget.artefacts import Artefact
from tests.budget.bench import canned_aws
from tests.budget.cold import RuntimeApi, runtime_api, start
from tests.functions import FUNCTIONS
from tests.variables import environment


class Starts:
    """The runtime client, an AWS that answers, and what is shipped."""

    def __init__(self, api: RuntimeApi, aws_url: str, into: Path) -> None:
        self._api, self._aws_url, self._into = api, aws_url, into
        self._build, self._client = artefacts.built(), artefacts.runtime_client(into)
        self._floors: dict[str, Artefact] = {}

    def of(self, artefact: Artefact, function: str) -> float:
        return start(self._api, artefact, self._client, environment(function, self._aws_url)).cpu

    def own(self, function: str) -> float:
        return self.of(artefacts.shipped(self._build, function), function)

    def floor(self, function: str) -> float:
        if function not in self._floors:
            self._floors[function] = artefacts.floor(self._build, function, self._into)
        return self.of(self._floors[function], function)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starts]:
    with ExitStack() as stack:
        api, aws_url = stack.enter_context(runtime_api()), stack.enter_context(canned_aws())
        yield Starts(api, aws_url, tmp_path_factory.mktemp("starts"))


def test_every_function_starts_in_its_time(measured: Starts) -> None:
    assert starts.too_slow(FUNCTIONS, measured.own, measured.floor) == []


def test_what_takes_too_long_in_every_round_is_named() -> None:
    cpu = dict.fromkeys(FUNCTIONS, 1.0) | {"ReadTerms": 2.0}
    found = starts.too_slow(FUNCTIONS, lambda name: cpu[name], lambda _: 1.0)
    most = FUNCTIONS["ReadTerms"].longest_start
    assert found == [f"ReadTerms starts in 2.00 of its floor, and may in {most}"]


def test_what_took_too_long_once_is_asked_again_alone() -> None:
    asked: list[str] = []

    def own(name: str) -> float:
        asked.append(name)
        return 9.0 if name == "ReadTerms" and asked.count(name) < 3 else 1.0

    assert starts.too_slow(FUNCTIONS, own, lambda _: 1.0) == []
    assert {name: asked.count(name) for name in FUNCTIONS} == dict.fromkeys(FUNCTIONS, 1) | {"ReadTerms": 3}
