"""What `make bench` measures really happens: a short run of its warm calls, all of which are answered."""

from functools import partial
from pathlib import Path

import pytest

from tests.budget import artefacts, bench, examples
from tests.budget.warm import WARMING_CALLS

MEASURED = 2
CALLS = WARMING_CALLS + MEASURED
JOBS = {
    "a webhook": ("ReceiveWebhook", bench.receive_job),
    **{
        f"{kind}, batches of {size}": ("ProcessWebhook", partial(bench.process_job, kind, size))
        for kind, size in zip(examples.KINDS, (1, 10), strict=True)
    },
}


@pytest.mark.parametrize("what", JOBS)
def test_calls_are_answered_and_measured(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    function, job = JOBS[what]
    with bench.canned_aws() as aws_url:
        described = job(CALLS, aws_url) if function == "ReceiveWebhook" else job(CALLS)  # type: ignore[operator]
        measured = bench._warm(artefacts.built(), tmp_path, aws_url, function, described)
    assert {name: len(times) for name, times in measured.items()} == {"handler": MEASURED, "bare": MEASURED}
    assert all(nanoseconds > 0 for times in measured.values() for nanoseconds in times)
