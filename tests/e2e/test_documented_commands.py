"""The commands of README and docs, on the stack of the whole run, as far as one machine can.

Here: `ops` and curl. Elsewhere: `aws` (tests/unit/test_documented_aws_commands.py), `make up` and `make logs`
(test_local_stack.py), and that every sort of command is one of those known (tests/unit/test_docs.py).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import environment
from local.journey import Business, Customer, consent_to, pay_with_amazon
from local.settings import ROOT
from mandates.core.charging.ids import charge_id
from tests.live.chaos import impossible_events
from tests.live.shared import StackJson
from tests.live.stack import LiveStack, until
from tests.live.verdict import read
from tests.unit.test_docs import COMMANDS, arguments_of

NOTHING_TO_DO = {
    ("withdrawals", "retry"): "is listed",
    ("withdrawals", "dismiss"): "is listed",
    ("tables", "restore"): "encrypted is off",
    ("tables", "check"): "encrypted is off",
    ("charges", "pause"): "charging has been paused since",
    ("charges", "dismiss"): "differs",
}
"""Commands that end with 1 here, and what they say then: no withdrawal has failed, no table is encrypted, no
charge differs from Stripe's books. Two documents pause charging."""

WAITS_FOR_STRIPE = ("stripe", "rehearse")
"""A minute, for Stripe's books. tests/component/stripe_simulator/test_rehearsal.py does not wait."""

ALL_IN_ONE = """
import json, sys
from ops.__main__ import main
for arguments in json.load(sys.stdin):
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    print(json.dumps({"ended": status}), flush=True)
"""


def shell(stack: StackJson) -> dict[str, str]:
    """In which no variable was set for the stack but where it was told to live."""
    layer = ROOT / "layers" / "mandates" / "python"
    return {
        **environment.clean(),
        "MANDATES_STATE_DIR": stack["state_dir"],
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(layer)]),
    }


def block(page: str, containing: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if containing in one]
    return str(found)


def run_in_bash(script: str, stack: StackJson, folder: Path, *needs: str) -> str:
    if missing := [tool for tool in ("bash", "curl", *needs) if shutil.which(tool) is None]:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=shell(stack),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture
def mandate_id(stack: StackJson, customer: Customer) -> str:
    """Of an active mandate."""
    customer.become_customer()
    shop = f"{stack['storefront_url']}/documented"
    session = customer.accept(customer.current_terms(), success_url=shop, cancel_url=shop)
    if customer.mandate(session["mandate_id"])["status"] == "pending":
        pay_with_amazon(session["url"])
    customer.mandate_once(session["mandate_id"], "active")
    return str(session["mandate_id"])


def charged(stack: StackJson, mandate_id: str) -> str:
    """The id of a charge."""
    business = Business(stack["api_url"], stack["tokens"]["service"])
    with closing(business):
        details = {"amount": 1299, "currency": "usd", "description": "Documented"}
        made = business.charge(mandate_id, idempotency_key="documented", reference="documented", **details)
    return str(made["charge_id"])


def test_readmes_front_end_and_back_end(
    stack: StackJson, customer: Customer, mandate_id: str, tmp_path: Path
) -> None:
    shown = consent_to(customer.current_terms())
    theirs = {
        **stack,
        "tokens": {**stack["tokens"], "customer": customer.token},
        "customer_ids": {**stack["customer_ids"], "customer": customer.customer_id},
    }
    (tmp_path / "stack.json").write_text(json.dumps(theirs))
    script = (
        (block("README.md", "call -X PUT") + block("README.md", "Idempotency-Key"))
        .replace(".local/stack.json", "stack.json")
        .replace(".venv/bin/python", sys.executable)
        .replace("<digest from above>", shown["terms_digest"])
        .replace("<wording_digest from above>", shown["wording_digest"])
        .replace("<mandate_id from above>", mandate_id)
        .replace("<charge_id from above>", charge_id(mandate_id, "order-1"))
    )
    printed = documents(run_in_bash(script, stack, tmp_path))
    terms, made, session, mandate, charge, refused, charges, refund = printed
    assert terms["text"]
    assert made["customer_id"] == customer.customer_id
    assert session["url"].startswith(stack["stripe_url"])
    assert mandate["status"] == "active"
    assert (charge["status"], charge["amount"]) == ("succeeded", 1299)
    assert (refused["status"], refused["reasons"]) == (409, ["above_charge_limit"])
    assert [one["charge_id"] for one in charges["charges"]] == [charge["charge_id"]]
    assert (refund["charge_id"], refund["amount"], refund["status"]) == (charge["charge_id"], 299, "pending")


def documents(printed: str) -> list[Any]:
    """Each JSON value, one after the other."""
    found, decoder = [], json.JSONDecoder()
    while printed := printed.lstrip():
        value, end = decoder.raw_decode(printed)
        found.append(value)
        printed = printed[end:]
    return found


def test_evidence_is_fetched_and_checked_by_hand(stack: StackJson, mandate_id: str, tmp_path: Path) -> None:
    given = f"API={stack['api_url']} TOKEN={stack['tokens']['service']} ID={mandate_id}\n"
    run_in_bash(given + block("docs/evidence.md", "curl"), stack, tmp_path)
    assert (tmp_path / "evidence.pdf").read_bytes().startswith(b"%PDF")
    by_hand = block("docs/evidence.md", "openssl")
    printed = run_in_bash(by_hand, stack, tmp_path, "jq", "openssl", "base64", "sha256sum", "python3")
    fingerprint = json.loads((tmp_path / "evidence.json").read_text())["signature"]["key_fingerprint"]
    assert "Verified OK" in printed
    assert fingerprint in printed


@pytest.mark.timeout(600)
def test_every_command_of_an_operator(
    stack: StackJson, live: LiveStack, http: httpx.Client, mandate_id: str, tmp_path: Path
) -> None:
    """Without a variable that says where the stack is, and without --stack: it is found."""
    odd, dismissed, *_ = impossible_events(live, mandate_id, "documented")
    for event in (odd, dismissed):
        live.post_webhook(event).raise_for_status()
    service = {"Authorization": f"Bearer {stack['tokens']['service']}"}
    someone = "documented-customer"
    http.put(f"{stack['api_url']}/customers/{someone}", json={}, headers=service).raise_for_status()
    evidence = http.get(f"{stack['api_url']}/mandates/{mandate_id}/evidence", headers=service)
    (tmp_path / "evidence.json").write_bytes(evidence.raise_for_status().content)
    given = {
        "terms/yours.yaml": str(ROOT / "terms" / "example.yaml"),
        "mdt_…": mandate_id,
        "evt_…": odd["id"],
        "chg_…": charged(stack, mandate_id),
        "R": "documented",
        "MandatesTable=RESTORED": f"MandatesTable={stack['tables']['mandates']}",
        "ChargesTable=RESTORED": f"ChargesTable={stack['tables']['charges']}",
        "MandatesTable=COPY": f"MandatesTable={stack['tables']['mandates']}",
        "FILE": "evidence.json",
        "FINGERPRINT": evidence.json()["signature"]["key_fingerprint"],
        "NUMBER:HASH": "{length}:{head_hash}".format_map(evidence.json()["evidence"]["ledger"]),
    }
    ids = (odd["id"], dismissed["id"])
    until(lambda: {read(live).outcomes.get(one) for one in ids} == {"quarantined"}, seconds=60)
    commands = []
    for _, command in COMMANDS:
        words = [given.get(word, word) for word in arguments_of(command)]
        if words[:2] == ["events", "dismiss"]:
            words[2] = dismissed["id"]
        words = [{"mandate": mandate_id}.get(words[0], someone) if one == "ID" else one for one in words]
        if words not in commands and tuple(words[:2]) != WAITS_FOR_STRIPE:
            commands.append(words)
    resuming = [one for one in commands if one[:2] == ["charges", "resume"]]  # after every pause
    rotating = [["rotate-webhook-secret", "--wait", "0"]]  # last: what was signed before is refused then
    commands = [one for one in commands if one[0] != "rotate-webhook-secret" and one not in resuming]
    commands += resuming + rotating
    assert len(commands) > 20

    finished = subprocess.run(
        [sys.executable, "-c", ALL_IN_ONE],
        cwd=tmp_path,
        env=shell(stack),
        input=json.dumps(commands),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    secret_before = stack["webhook_secret"]
    described = json.loads((Path(stack["state_dir"]) / "stack.json").read_text())
    stack["webhook_secret"] = described["webhook_secret"]  # for the tests after this one
    said = re.split(r'^\{"ended": (\d+)\}\n', finished.stdout, flags=re.MULTILINE)
    assert len(said) == 2 * len(commands) + 1, finished.stdout
    for words, printed, ended in zip(commands, said[::2], map(int, said[1::2]), strict=False):
        nothing = NOTHING_TO_DO.get((words[0], words[1] if len(words) > 1 else ""))
        if ended == 1 and nothing:
            assert nothing in printed, (words, printed)
        else:
            assert (ended, "Traceback" in printed) == (0, False), (words, printed)
    assert described["webhook_secret"] != secret_before
