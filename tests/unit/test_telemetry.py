"""What reaches the log and the metrics, as CloudWatch would get it: one JSON document a line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit

from mandates.core.visible import visible
from mandates.runtime import telemetry

MANDATE = "mdt_" + "a" * 24


class Context:
    aws_request_id = "request-1"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    lines = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", lines)
    return lines


def logged(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_lines_of_an_invocation_name_it_and_what_it_is_about(log: io.StringIO) -> None:
    @telemetry.instrumented
    def handler(_event: Any, _context: Any) -> None:
        telemetry.correlate(mandate_id=MANDATE)
        with telemetry.correlated(event_id="evt_1"):
            telemetry.logger.warning("inside")
        telemetry.logger.warning("outside")

    handler({}, Context())
    inside, outside = logged(log)
    assert (inside["request_id"], inside["mandate_id"], inside["event_id"]) == ("request-1", MANDATE, "evt_1")
    assert outside["mandate_id"] == MANDATE
    assert "event_id" not in outside


def test_a_message_stays_the_text_it_is_and_what_json_has_no_form_for_becomes_text(log: io.StringIO) -> None:
    telemetry.logger.warning('{"not": "taken apart"}', extra={"where": Path("ü")})
    (line,) = logged(log)
    assert (line["message"], line["where"]) == ('{"not": "taken apart"}', "ü")
    assert "ü" in log.getvalue()


def test_what_would_hide_or_turn_text_is_written_out(log: io.StringIO) -> None:
    """CloudWatch's console, a terminal and an editor each obey some of these; the line has the same value."""
    hostile = "\x1b[2J\x7f\x9b\u202e\u2066\u200f\u061c\u2028"
    try:
        raise ValueError(hostile)
    except ValueError:
        telemetry.logger.exception(hostile, extra={"reason": hostile, hostile: 1})
    written = log.getvalue().rstrip("\n")
    assert visible(written) == written
    (line,) = (json.loads(one) for one in written.split("\n"))
    assert (line["message"], line["reason"], line[hostile]) == (hostile, hostile, 1)
    assert line["exception"].endswith(hostile)


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_for_the_next_invocation(log: io.StringIO, fails: bool) -> None:
    @telemetry.instrumented
    def first(_event: Any, _context: Any) -> None:
        telemetry.correlate(event_id="evt_1")
        telemetry.logger.append_keys(else_where="added by somebody else")
        if fails:
            raise ValueError("broken")

    @telemetry.instrumented
    def second(_event: Any, _context: Any) -> None:
        telemetry.logger.warning("second")

    if fails:
        with pytest.raises(ValueError, match="broken"):
            first({}, Context())
    else:
        first({}, Context())
    second({}, object())
    (line,) = logged(log)
    assert line.keys() & {"event_id", "mandate_id", "request_id", "else_where"} == set()


def test_a_failing_message_leaves_nothing_for_the_next(log: io.StringIO) -> None:
    with pytest.raises(ValueError, match="broken"), telemetry.correlated(event_id="evt_1"):
        raise ValueError("broken")
    telemetry.logger.warning("next message")
    assert "event_id" not in logged(log)[0]


@pytest.mark.parametrize("odd", ["ann@shop.example", "mdt_Ann", f"{MANDATE}\n", "", None, 7, {"id": 1}])
def test_what_is_no_mandate_id_is_never_logged_as_one(log: io.StringIO, odd: Any) -> None:
    with telemetry.correlated(mandate_id=odd):
        telemetry.logger.warning("line")
    assert "mandate_id" not in logged(log)[0]


CHARGE = f"chg_{'a' * 24}_{'b' * 16}"


@pytest.mark.parametrize("odd", [CHARGE[:-1], f"{CHARGE}\n", CHARGE.upper(), "ann@shop.example"])
def test_only_the_id_of_a_charge_is_logged_as_one(log: io.StringIO, odd: str) -> None:
    for charge_id in (CHARGE, odd):
        with telemetry.correlated(charge_id=charge_id):
            telemetry.logger.warning("line")
    assert [line.get("charge_id") for line in logged(log)] == [CHARGE, None]


def test_counts_and_measures_are_sent_when_the_invocation_ends(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.instrumented
    def handler(_event: Any, _context: Any) -> None:
        telemetry.count("Things", 2)
        telemetry.count("Things")
        for seconds in (0.5, 90.0):
            telemetry.measure("Lag", seconds, MetricUnit.Seconds)
        assert capsys.readouterr().out == ""

    handler({}, Context())
    sent = json.loads(capsys.readouterr().out)
    assert sent["Things"] == [2.0, 1.0]  # CloudWatch adds them up
    assert sent["Lag"] == [0.5, 90.0]  # each is a value of the distribution
    (described,) = sent["_aws"]["CloudWatchMetrics"]
    assert described["Dimensions"] == [["service"]]
    assert {(metric["Name"], metric["Unit"]) for metric in described["Metrics"]} == {
        ("Things", "Count"),
        ("Lag", "Seconds"),
    }


def test_an_invocation_that_counts_nothing_sends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.instrumented(lambda _event, _context: None)({}, Context())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("left", "is_told"),
    [(2_001, False), (2_000, True), (-5, True)],
)
def test_a_run_is_told_of_when_it_took_almost_all_of_its_time(
    log: io.StringIO, capsys: pytest.CaptureFixture[str], left: int, is_told: bool
) -> None:
    class Timed(Context):
        remaining = 10_000

        def get_remaining_time_in_millis(self) -> int:
            return self.remaining

    @telemetry.instrumented
    def handler(_event: Any, context: Timed) -> None:
        context.remaining = left

    handler({}, Timed())
    assert ("AlmostTimedOut" in capsys.readouterr().out) is is_told
    lines = [(line["milliseconds"], line["of"], line["request_id"]) for line in logged(log)]
    assert lines == [(10_000 - left, 10_000, "request-1")] * is_told


def test_a_run_that_fails_late_is_told_of_too(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    left = iter([10_000, 0])

    class Timed(Context):
        def get_remaining_time_in_millis(self) -> int:
            return next(left)

    @telemetry.instrumented
    def handler(_event: Any, _context: Any) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        handler({}, Timed())
    assert "AlmostTimedOut" in capsys.readouterr().out
    assert logged(log)[0]["of"] == 10_000
