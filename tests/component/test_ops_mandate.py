"""`python -m ops mandate verify ID`: what was altered where it is stored, and which first."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from mandates.privacy.erasure import erase
from mandates.privacy.holdings import holdings
from mandates.store.erasing import delete_personal
from ops.stack import Stack
from tests.component.operating import main
from tests.component.world import CUSTOMER, World

Item = dict[str, dict[str, str]]


@pytest.fixture
def mandate_id(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """An active mandate; the tables are bound already, and there is no CloudFormation stack to ask."""
    monkeypatch.setattr(Stack, "use_tables", lambda _self: None)
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    return str(begun["mandate_id"])


def verify(mandate_id: str) -> int:
    return main(["mandate", "verify", mandate_id])


def items(mandate_id: str, prefix: str) -> list[Item]:
    dynamodb: Any = boto3.client("dynamodb")
    found = dynamodb.query(
        TableName="mandates",
        KeyConditionExpression="mandate_id = :id AND begins_with(#record, :prefix)",
        ExpressionAttributeNames={"#record": "record"},
        ExpressionAttributeValues={":id": {"S": mandate_id}, ":prefix": {"S": prefix}},
    )
    listed: list[Item] = found["Items"]
    return listed


def put(item: Item, table: str = "mandates") -> None:
    dynamodb: Any = boto3.client("dynamodb")
    dynamodb.put_item(TableName=table, Item=item)


def delete(item: Item) -> None:
    dynamodb: Any = boto3.client("dynamodb")
    dynamodb.delete_item(
        TableName="mandates", Key={"mandate_id": item["mandate_id"], "record": item["record"]}
    )


def flips(item: Item, every: int) -> Iterator[tuple[str, Item]]:
    """The item with one bit of one character changed: in each attribute, at every so many characters."""
    for attribute, typed in item.items():
        if attribute in {"mandate_id", "record"}:
            continue
        for kind, text in typed.items():
            for at in range(0, len(text), every):
                flipped = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
                yield attribute, {**item, attribute: {kind: flipped}}


def test_a_sound_mandate_passes(mandate_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(mandate_id) == 0
    assert f"{mandate_id} verifies: 4 entries, last hash " in capsys.readouterr().out


def test_there_is_no_such_mandate(mandate_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("mdt_none") == 1
    assert "there is no mandate mdt_none" in capsys.readouterr().err


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_one_flipped_bit_in_an_entry_is_noticed_and_the_entry_named(
    mandate_id: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    item = items(mandate_id, "entry#")[number - 1]
    touched = set()
    for attribute, flipped in flips(item, every=41):
        put(flipped)
        assert verify(mandate_id) == 1, flipped
        first = capsys.readouterr().err.splitlines()[0]
        assert first == f"entry {number} is the first that was altered, removed or put in", flipped
        touched.add(attribute)
    assert touched >= {"number", "recorded_at", "source", "facts", "status", "previous_hash", "hash"}
    put(item)
    assert verify(mandate_id) == 0


def test_of_several_the_first_is_named(mandate_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    for item in items(mandate_id, "entry#")[1:3]:
        put({**item, "status": {"S": "revoked"}})
    assert verify(mandate_id) == 1
    assert "entry 2 is the first" in capsys.readouterr().err


def test_an_entry_that_reads_the_same_in_other_bytes_is_noticed(mandate_id: str) -> None:
    item = items(mandate_id, "entry#")[2]
    respaced = json.dumps(json.loads(item["facts"]["S"]), separators=(",", ":"))
    assert respaced != item["facts"]["S"]
    put({**item, "facts": {"S": respaced}})
    assert verify(mandate_id) == 1


@pytest.mark.parametrize(("gone", "named"), [(0, 1), (2, 3), (3, 4)])
def test_a_removed_entry_is_named(
    mandate_id: str, gone: int, named: int, capsys: pytest.CaptureFixture[str]
) -> None:
    delete(items(mandate_id, "entry#")[gone])
    assert verify(mandate_id) == 1
    assert f"entry {named} is the first" in capsys.readouterr().err


@pytest.mark.parametrize(("key", "named"), [("entry#000005", 5), ("entry#000000", 1), ("entry#x", 5)])
def test_an_entry_put_in_is_named(
    mandate_id: str, key: str, named: int, capsys: pytest.CaptureFixture[str]
) -> None:
    put({**items(mandate_id, "entry#")[1], "record": {"S": key}})
    assert verify(mandate_id) == 1
    assert f"entry {named} is the first" in capsys.readouterr().err


def test_a_head_whose_facts_were_altered_is_noticed(
    mandate_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status follows from the head: a revocation taken out of it would show nowhere else."""
    (head,) = items(mandate_id, "head")
    facts = json.loads(head["facts"]["S"])
    del facts["setup_succeeded"]
    put({**head, "facts": {"S": json.dumps(facts)}})
    assert verify(mandate_id) == 1
    assert capsys.readouterr().err == "head: `facts` does not follow from the ledger\n"
    put({**head, "facts": {"S": "{"}})
    assert verify(mandate_id) == 1
    assert "the head was altered: it can't be read" in capsys.readouterr().err
    delete(head)
    assert verify(mandate_id) == 1
    assert "the head is missing, but there are 4 entries" in capsys.readouterr().err


def test_an_end_that_was_cut_off_together_with_the_head_is_beyond_any_chain(mandate_id: str) -> None:
    """As documented: only an earlier signed head shows that. The head's facts must be cut as well."""
    entries = items(mandate_id, "entry#")
    (head,) = items(mandate_id, "head")
    for item in entries[2:]:
        delete(item)
    facts = {
        name: fact
        for name, fact in json.loads(head["facts"]["S"]).items()
        if name in {"consent_accepted", "session_created"}
    }
    shortened = {"entries": {"N": "2"}, "head_hash": entries[1]["hash"]}
    put({**head, **shortened})
    assert verify(mandate_id) == 1
    put({**head, **shortened, "facts": {"S": json.dumps(facts)}})
    assert verify(mandate_id) == 0


# -------------------------------------------------------------------------------------- beside the chain


def test_one_flipped_bit_in_a_personal_value_is_noticed_and_named(
    mandate_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (item,) = items(mandate_id, "personal#")
    for _, flipped in flips(item, every=29):
        put(flipped)
        assert verify(mandate_id) == 1, flipped
        assert "entry 1" in capsys.readouterr().err
    put(item)
    assert verify(mandate_id) == 0


def test_a_salt_in_capitals_is_another_salt(mandate_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    (item,) = items(mandate_id, "personal#")
    values = json.loads(item["values"]["S"])
    values["source_ip"]["salt"] = values["source_ip"]["salt"].upper()
    put({**item, "values": {"S": json.dumps(values)}})
    assert verify(mandate_id) == 1
    assert "source_ip of entry 1 is not what the entry commits to" in capsys.readouterr().err


def test_values_that_no_erasure_took_are_missed(mandate_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    (item,) = items(mandate_id, "personal#")
    values = json.loads(item["values"]["S"])
    del values["user_agent"]
    put({**item, "values": {"S": json.dumps(values)}})
    assert verify(mandate_id) == 1
    assert "gone beside entry 1, without an erasure: user_agent" in capsys.readouterr().err
    delete_personal(mandate_id)
    assert verify(mandate_id) == 1
    assert "without an erasure: issuer, source_ip, subject, user_agent" in capsys.readouterr().err


def test_erased_values_are_reported_and_break_nothing(
    world: World, mandate_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    erase(holdings(CUSTOMER), override="test", clock=time.time, random_bytes=os.urandom, say=print)
    capsys.readouterr()
    assert verify(mandate_id) == 0
    assert "erased beside entry 1: issuer, source_ip, subject, user_agent" in capsys.readouterr().out


def test_a_value_the_chain_does_not_commit_to_is_noticed(
    mandate_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (item,) = items(mandate_id, "personal#")
    put({**item, "record": {"S": "personal#000002"}})
    assert verify(mandate_id) == 1
    assert "source_ip lies beside entry 2, which does not commit to it" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------- terms


@pytest.mark.parametrize(
    ("name", "value"),
    [("locale", "de"), ("terms_digest", "0" * 64), ("wording_digest", "0" * 64)],
)
def test_a_head_that_names_other_terms_than_its_consent_is_noticed(
    mandate_id: str, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    (head,) = items(mandate_id, "head")
    put({**head, name: {"S": value}})
    assert verify(mandate_id) == 1
    assert capsys.readouterr().err == f"head: `{name}` does not follow from the ledger\n"


def test_terms_that_were_altered_or_are_gone_are_noticed(
    world: World, mandate_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb: Any = boto3.client("dynamodb")
    key = {"record": {"S": "version"}, "version": {"S": world.terms.version}}
    item = dynamodb.get_item(TableName="terms", Key=key)["Item"]
    document = json.loads(item["document"]["S"])
    document["texts"]["en"]["timing"] = "Whenever we like."
    put({**item, "document": {"S": json.dumps(document)}}, table="terms")
    assert verify(mandate_id) == 1
    assert capsys.readouterr().err.splitlines() == [
        "terms: what is stored as version 2026-11-01 is not what was agreed to",
        "consent: the text shown is not the wording of the terms in en",
        "consent: its wording_digest is not that of the terms in en",
    ]
    put({**item, "document": {"S": "{}"}}, table="terms")
    assert verify(mandate_id) == 1
    assert "is not stored, or can't be read" in capsys.readouterr().err
    dynamodb.delete_item(TableName="terms", Key=key)
    assert verify(mandate_id) == 1
    assert "is not stored, or can't be read" in capsys.readouterr().err


def test_only_a_hash_that_was_kept_shows_a_ledger_whose_end_was_cut_off(
    mandate_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [f"--head={item['number']['N']}:{item['hash']['S']}" for item in items(mandate_id, "entry#")]
    assert main(["mandate", "verify", mandate_id, *kept]) == 0
    delete(items(mandate_id, "entry#")[-1])
    assert main(["mandate", "verify", mandate_id, *kept]) == 1
    assert "entry 4: is missing, but its hash was kept" in capsys.readouterr().err
