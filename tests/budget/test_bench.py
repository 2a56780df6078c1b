"""What `make bench` measures really happens: a short run of its warm calls, all of which are answered."""

from pathlib import Path

import pytest

from tests.budget import artefacts, bench
from tests.budget.warm import WARMING_CALLS

MEASURED = 2
CALLS = WARMING_CALLS + MEASURED


@pytest.mark.parametrize("what", bench.JOBS)
def test_calls_are_answered_and_measured(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    job = bench.JOBS[what]
    with bench.canned_aws() as aws_url:
        described = job.described(CALLS, aws_url)
        measured = bench.measured_warm(artefacts.built(), tmp_path, aws_url, job.function, described)
    assert {name: len(times) for name, times in measured.items()} == {"handler": MEASURED, "bare": MEASURED}
    assert all(nanoseconds > 0 for times in measured.values() for nanoseconds in times)
