"""What no table can hold is refused as the mistake it is, and not by DynamoDB with a trace."""

import pytest

from ops.__main__ import main

COMMANDS = [
    ("explain", "?"),
    ("mandate", "verify", "?"),
    ("customer", "export", "?"),
    ("customer", "erase", "?"),
    ("events", "show", "?"),
    ("events", "replay", "?"),
    ("events", "dismiss", "?", "--reason", "x"),
    ("events", "dismiss", "evt_1", "--reason", "?"),
    ("withdrawals", "retry", "?"),
    ("charges", "show", "?"),
    ("withdrawals", "dismiss", "?", "--reason", "x"),
    ("terms", "show", "?"),
    ("terms", "retire", "?"),
]


@pytest.mark.parametrize(
    "given", ["", "x" * 1025, "é" * 513, "\udcff"], ids=["empty", "long", "wide", "bytes"]
)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_can_be_no_id_is_the_callers_mistake(
    command: tuple[str, ...], given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([given if word == "?" else word for word in command])
    assert ended.value.code == 2
    assert "error: argument" in capsys.readouterr().err
