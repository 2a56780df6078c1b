"""Nothing that a command was given, or found stored, acts on the operator's terminal."""

import ast
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mandates.core.canonical import canonical_json
from mandates.core.messages import EVENT
from mandates.core.visible import visible
from mandates.store.tables import EventRow, PersonalRow, TermsRow
from ops.stack import Stack
from tests.component.operating import main
from tests.component.world import CUSTOMER, ROOT, TABLES, World

HOSTILE = "\x1b[2J\x9b1m\u202egnihton\u202c\u2066\u200f\u061c\u2028\x00\x7f\r\nverified: all of it"
"""Clears the screen, turns what follows round, and goes on in a line of its own."""

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the dead-letter queue."""
    url = str(world.sqs.create_queue(QueueName="dead-letters")["QueueUrl"])
    outputs = {logical_id: name for name, logical_id in TABLES.items()}
    monkeypatch.setattr(
        Stack, "outputs", {**outputs, "WebhookQueueUrl": world.queue_url, "WebhookDeadLettersUrl": url}
    )
    monkeypatch.setattr(
        Stack, "parameters", {"StripeApiBase": world.stripe.url, "StripeApiKeySecretArn": world.api_key_arn}
    )
    return url


def printed_by(capsys: Printed, *arguments: str) -> str:
    """What a command prints, line by line, with nothing in it that a terminal obeys."""
    capsys.readouterr()
    with suppress(SystemExit):  # argparse's way out
        main(arguments)
    said = capsys.readouterr()
    printed = said.out + said.err
    assert [line for line in printed.split("\n") if visible(line) != line] == []
    assert "verified: all of it" not in printed.split("\n")
    return printed


def test_what_is_stored_is_printed_harmlessly(world: World, stack: str, capsys: Printed) -> None:
    mandate_id = world.begun()["mandate_id"]
    personal = PersonalRow.get(mandate_id, "personal#000001")
    values = {**personal.values, "user_agent": {**personal.values["user_agent"], "value": HOSTILE}}
    personal.update([PersonalRow.values.set(values)])
    terms = TermsRow.get("version", world.terms.version)
    terms.update([TermsRow.document.set({**terms.document, "business_name": HOSTILE})])
    EventRow(
        "evt_odd",
        "event",
        outcome="quarantined",
        type=HOSTILE,
        created=1,
        recorded_at=HOSTILE,
        reason=HOSTILE,
        subject=HOSTILE,
        body={"id": HOSTILE},
        quarantined=EventRow.IN_QUARANTINE,
    ).save()
    world.sqs.send_message(QueueUrl=stack, MessageBody=EVENT.text({"id": "evt_1", "type": HOSTILE}))
    shown = visible(HOSTILE)
    exported = printed_by(capsys, "customer", "export", CUSTOMER)
    assert json.dumps(HOSTILE) in json.dumps(json.loads(exported))
    for arguments in (
        ("events", "list", "--quarantined"),
        ("events", "show", "evt_odd"),
        ("explain", "evt_odd"),
        ("dlq", "list"),
    ):
        assert shown[:30] in printed_by(capsys, *arguments), arguments
    for arguments in (
        ("terms", "show", world.terms.version),
        ("terms", "list"),
        ("mandate", "verify", mandate_id),
    ):
        printed_by(capsys, *arguments)


def test_what_was_typed_or_pasted_is_printed_harmlessly(tmp_path: Path, capsys: Printed) -> None:
    pack = tmp_path / "pack.json"
    pack.write_bytes(canonical_json({"evidence": {}, "signature": {"\x1b[2J": 1}}))
    for arguments in (
        ("explain", HOSTILE),
        ("explain", f"mdt_{HOSTILE}"),
        ("mandate", "verify", HOSTILE),
        ("customer", "export", HOSTILE),
        ("customer", "erase", HOSTILE),
        ("events", "show", HOSTILE),
        ("events", "dismiss", HOSTILE, "--reason", "x"),
        ("terms", "show", HOSTILE),
        ("terms", "retire", HOSTILE),
        ("terms", "publish", f"{tmp_path}/{HOSTILE}"),
        ("evidence", "verify", str(pack), "--key", "0" * 64),
        ("mandate", "verify", "mdt_a", HOSTILE),  # one too many, which argparse repeats
    ):
        assert visible(HOSTILE)[:8] in printed_by(capsys, *arguments), arguments


def test_what_an_unexpected_error_says_is_printed_harmlessly(
    capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> int:
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr("ops.terms.run_list", fails)
    capsys.readouterr()
    assert main(["terms", "list"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "RuntimeError: \\u001b[2J" in said
    assert not {"\x1b", "\x9b", "\u202e"} & set(said)


# ------------------------------------------------------------------------------ one place for printing


def prints(source: str) -> set[str]:
    """How a source prints by itself."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id="print" | "pprint" as name) | ast.Attribute(attr="stdout" | "stderr" as name):
                found.add(name)
            case ast.ImportFrom(module="sys", names=names) if {one.name for one in names} & {
                "stdout",
                "stderr",
            }:
                found.add("sys")
    return found


def test_commands_print_in_one_place_only() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "ops").rglob("*.py"))}
    assert len(sources) >= 15
    assert {name for name, source in sources.items() if prints(source)} == {"printing.py"}


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "partial(print, flush=True)",
        "sys.stderr.write('x')",
        "say = print",
        "from sys import stdout",
    ],
)
def test_that_guard_can_fail(source: str) -> None:
    assert prints(source)
