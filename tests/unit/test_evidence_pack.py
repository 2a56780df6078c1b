"""The evidence pack, and that nothing in it can be altered unnoticed."""

import argparse
import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from stripe.params import DisputeModifyParamsEvidence

from mandates.core import evidence_pack as core
from mandates.core.canonical import canonical_json, digest
from mandates.core.errors import InvalidRequest
from mandates.core.evidence_pack import build_pack
from mandates.core.facts import merge
from mandates.core.funding import Funding
from mandates.core.ledger import GENESIS, Entry, PersonalValue, first_unsound
from mandates.core.record import Record
from mandates.evidence.packs import page_asked_for
from mandates.evidence.signing import Signer, keys_view
from ops.__main__ import main
from ops.evidence import problems_in
from tests.unit.examples import (
    DETACHED,
    NEW_MANDATE,
    RETURNED,
    RETURNED_BY_ANOTHER,
    SESSION_CREATED,
    SETUP_SUCCEEDED,
    our_own,
    told_by_stripe,
)
from tests.unit.records import (
    ERASED,
    METHOD_SUBJECT,
    PERSONAL,
    TERMS,
    of_a_subject,
    read_again,
    recorded,
    set_up,
)

GENERATED_AT = "2026-11-23T09:00:00.000Z"


class Kms:
    """What is used of KMS, with keys made from small numbers. It signs digests, as asked."""

    def __init__(self) -> None:
        self.keys = {
            "now": ec.derive_private_key(3, ec.SECP256R1()),
            "before": ec.derive_private_key(5, ec.SECP256R1()),
        }
        self.asked: list[str] = []

    def get_public_key(self, **call: str) -> dict[str, bytes]:
        self.asked.append(call["KeyId"])
        public_key = self.keys[call["KeyId"]].public_key()
        return {"PublicKey": public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}

    def sign(self, **call: Any) -> dict[str, bytes]:
        assert (call["MessageType"], call["SigningAlgorithm"]) == ("DIGEST", "ECDSA_SHA_256")
        private_key = self.keys[call["KeyId"]]
        return {"Signature": private_key.sign(call["Message"], ec.ECDSA(utils.Prehashed(SHA256())))}


SIGNER = Signer(Kms(), ["now", "before"])
TRUSTED = SIGNER.public_keys[0].fingerprint


def page(one: Record, number: int = 1) -> dict[str, Any]:
    return build_pack(one, page=number, generated_at=GENERATED_AT)


def file(evidence: Mapping[str, Any], signer: Signer = SIGNER) -> bytes:
    return canonical_json(signer.signed(evidence))


def problems(*files: bytes, trusted: str = TRUSTED) -> list[str]:
    return list(problems_in({f"{number}.json": data for number, data in enumerate(files, start=1)}, trusted))


def altered(data: bytes, change: Any, *, digests: bool = False) -> bytes:
    """The pack with something changed and written canonically again; with `digests`, those made to fit."""
    pack = json.loads(data)
    change(pack)
    if digests:
        sections = {name: value for name, value in pack["evidence"].items() if name != "digests"}
        pack["evidence"]["digests"] = {name: digest(value) for name, value in sections.items()}
    return canonical_json(pack)


# --------------------------------------------------------------------------------- what a pack has


def test_a_pack_verifies_offline_with_the_key_one_trusts() -> None:
    assert problems(file(page(set_up()))) == []


def test_the_signature_is_over_the_canonical_bytes_as_any_other_tool_reads_them() -> None:
    pack = json.loads(file(page(set_up())))
    public_key = Kms().keys["now"].public_key()
    over = canonical_json(pack["evidence"])
    public_key.verify(base64.b64decode(pack["signature"]["value"]), over, ec.ECDSA(SHA256()))
    assert over in file(page(set_up()))


def test_it_has_what_a_dispute_needs() -> None:
    evidence = page(set_up())
    assert evidence["stripe"] == {
        "customer_id": "cus_example",
        "checkout_session_id": "cs_test_example",
        "setup_intent_id": "seti_example",
        "payment_method_id": "pm_example",
        "mandate_id": "mandate_example",
    }
    assert evidence["consent"]["text_shown"] == TERMS.wording("en")
    assert evidence["consent"]["accepted_at"] == "2026-09-21T14:13:20Z"
    assert digest(evidence["terms"]["document"]) == TERMS.digest == evidence["mandate"]["terms_digest"]
    assert [fact["kind"] for entry in evidence["ledger"]["entries"] for fact in entry["facts"]] == [
        "consent_accepted",
        "session_created",
        "setup_succeeded",
        "session_completed",
        "revoked",
    ]
    assert [withdrawal["subject"] for withdrawal in evidence["withdrawals"]] == ["mandate"]
    assert (evidence["refusals"], evidence["charges"]) == ([], [])
    assert evidence["retention"] == {
        "days_after_last_charge": 240,
        "kept_at_least_until": "2027-05-19T14:13:20Z",
    }


def test_who_came_back_is_what_the_ledger_says() -> None:
    assert page(set_up())["returned"] == {"customer": None, "another": None}
    one = recorded([our_own(RETURNED_BY_ANOTHER), our_own(SETUP_SUCCEEDED), our_own(RETURNED)])
    evidence = page(one)
    assert evidence["returned"] == {"customer": "2026-09-21T14:14:00Z", "another": "2026-09-21T14:14:10Z"}
    assert problems(file(evidence)) == []
    text = evidence["stripe_dispute_evidence"]["text"]
    assert "2026-09-21T14:14:10Z returned by another" in text["access_activity_log"]
    assert (
        "signed in as this customer came back from that page at 2026-09-21T14:14:00Z"
        in (text["uncategorized_text"])
    )
    assert "signed in as another customer came back" in text["uncategorized_text"]


def test_that_somebody_came_back_can_be_put_into_neither_head_nor_pack() -> None:
    one = recorded([our_own(SETUP_SUCCEEDED)])
    assert one.head
    forged = replace(one.head, facts=merge(one.head.facts, [RETURNED]))
    altered = page(replace(one, head=forged))
    assert altered["returned"]["customer"] is None
    assert altered["faults"] == ["head: `facts` does not follow from the ledger"]
    claimed = {"customer": "2026-09-21T14:14:00Z", "another": None}
    evidence = {**page(one), "returned": claimed}
    evidence["digests"] = {**evidence["digests"], "returned": digest(claimed)}
    assert problems(file(evidence)) == ["returned: is not what follows from the ledger"]


def test_the_card_behind_the_saved_account_is_not_in_a_pack() -> None:
    one = recorded([our_own(SETUP_SUCCEEDED)])
    assert one.head
    shown = replace(one, head=replace(one.head, funding=Funding("Visa", "4242")))
    assert page(shown) == page(one)


def withdrawals(one: Record) -> list[tuple[str, str, str, bool]]:
    assert problems(file(page(one))) == []
    return [(w["subject"], w["id"], w["fact"]["kind"], w["told"]) for w in page(one)["withdrawals"]]


def test_a_withdrawal_that_only_the_payment_method_has_is_signed_as_not_told() -> None:
    one = replace(set_up(revoked=False), subjects={METHOD_SUBJECT: {DETACHED.key: DETACHED}})
    assert withdrawals(one) == [("payment_method", "pm_example", "detached", False)]
    assert page(one)["mandate"]["status"] == "revoked"


def test_a_withdrawal_that_the_ledger_tells_of_is_signed_as_told() -> None:
    told = [told_by_stripe(SETUP_SUCCEEDED), of_a_subject(DETACHED)]
    assert withdrawals(recorded(told, {METHOD_SUBJECT: [DETACHED]})) == [
        ("payment_method", "pm_example", "detached", True)
    ]
    earlier = replace(DETACHED, at=DETACHED.at - 1, source="evt_not_told_yet")
    assert withdrawals(replace(recorded(told, {METHOD_SUBJECT: [earlier]}))) == [
        ("payment_method", "pm_example", "detached", True)
    ]


# ------------------------------------------------------------------------------ Stripe's field names


def test_every_name_is_one_of_stripes_and_every_text_fits() -> None:
    given = page(set_up(failures=600))["stripe_dispute_evidence"]
    assert given["text"].keys() | given["files"].keys() <= DisputeModifyParamsEvidence.__annotations__.keys()
    assert given["text"]["access_activity_log"].endswith("(more in the attached document)")
    assert max(map(len, given["text"].values())) == 20_000


def test_the_dispute_fields_say_what_is_known() -> None:
    text = page(set_up())["stripe_dispute_evidence"]["text"]
    assert text["customer_purchase_ip"] == "203.0.113.7"
    assert TERMS.texts["en"]["cancellation"] in text["cancellation_policy_disclosure"]
    assert (
        "2026-09-21T14:13:20Z consent_accepted cus_example (IP address 203.0.113.7, browser Mozilla/5.0)"
        in (text["access_activity_log"])
    )
    assert "authorised it at Amazon Pay at 2026-09-21T14:13:50Z" in text["uncategorized_text"]


def test_nothing_is_claimed_that_did_not_happen() -> None:
    """No cancellation policy where the terms have none, no address once it is erased, no authorisation."""
    without = {locale: {**text} for locale, text in TERMS.texts.items()}
    for text in without.values():
        del text["cancellation"]
    given = page(recorded([our_own(ERASED)], terms=replace(TERMS, texts=without), personal={}))[
        "stripe_dispute_evidence"
    ]
    assert given["files"] == {"uncategorized_file": "evidence.pdf"}
    assert given["text"].keys() == {"access_activity_log", "uncategorized_text"}
    assert "authorised" not in given["text"]["uncategorized_text"]
    assert "203.0.113.7" not in str(given)


# ------------------------------------------------------------------------------------ personal values


def test_an_erased_value_is_said_to_be_and_breaks_nothing() -> None:
    evidence = page(replace(recorded([our_own(ERASED)]), personal={}))
    assert problems(file(evidence)) == []
    assert [(value["name"], value["erased"]) for value in evidence["personal_values"]] == [
        ("source_ip", True),
        ("subject", True),
        ("user_agent", True),
    ]
    assert (evidence["mandate"]["customer_id"], evidence["mandate"]["customer_erased"]) == (None, True)
    assert NEW_MANDATE.customer_id not in canonical_json(evidence).decode()
    assert "Mozilla" not in canonical_json(evidence).decode()


def test_a_value_that_no_erasure_took_is_missed() -> None:
    evidence = page(replace(set_up(), personal={}))
    assert (evidence["mandate"]["customer_id"], evidence["mandate"]["customer_erased"]) == (None, False)
    assert problems(file(evidence)) == [
        "1.json: faults: when this pack was made, personal_values: gone beside entry 1, without an"
        " erasure: source_ip, subject, user_agent"
    ]


def test_a_value_that_was_altered_before_the_pack_was_made_does_not_match_its_commitment() -> None:
    one = set_up()
    swapped = {1: {**PERSONAL, "source_ip": PersonalValue("203.0.113.8", "01" * 32)}}
    found = problems(file(page(replace(one, personal=swapped))))
    assert found[0] == (
        "1.json: faults: when this pack was made, personal_values: source_ip of entry 1 is not what the entry"
        " commits to"
    )
    assert "203.0.113.8" not in str(page(replace(one, personal=swapped)))


# ------------------------------------------------------------------------------------- every byte


def spans(data: bytes) -> Iterator[tuple[range, str]]:
    """Where each part lies in the file, and what a problem with it names; the innermost first."""
    pack = json.loads(data)

    def span(value: Any, begin: int = 0) -> range:
        found = data.index(canonical_json(value), begin)
        return range(found, found + len(canonical_json(value)))

    for entry in pack["evidence"]["ledger"]["entries"]:
        yield span(entry), f"entry {entry['number']}: "
    for name, section in pack["evidence"].items():
        key = f'"{name}":'.encode()
        begin = data.index(b'"digests":' if name == "digests" else key + canonical_json(section)[:1])
        yield span(section, begin), "digests" if name == "digests" else f"{name}: "
    for name, value in pack["signature"].items():
        yield span(value, data.index(f'"{name}":'.encode())), f"signature.{name}"


EMPTY = {"faults: ", "charges: ", "notices: "}


def test_one_flipped_bit_anywhere_is_noticed_and_located() -> None:
    """Of every fifth byte (of all with SOAK=1): either the byte is named, or the part it lies in."""
    short = replace(TERMS, texts={"en": dict.fromkeys(TERMS.texts["en"], "A few words.")})
    one = replace(set_up(terms=short), refusals=[{"code": "too_much"}])
    data = file(page(one))
    parts = [(span, part) for span, part in spans(data) if part not in EMPTY]  # an empty list: no value in it
    located = set()
    for at in range(0, len(data), 1 if os.environ.get("SOAK") == "1" else 5):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        found = problems(flipped)
        assert found, at
        if found[0].startswith("1.json: byte "):
            located.add("byte")
            continue
        part = next((part for span, part in parts if at in span), None)
        if part is None:
            continue
        # An unreadable number or key names the section; what the signature says comes first.
        assert any(part in problem for problem in found), (at, data[max(0, at - 40) : at + 20], found)
        located.add(part)
    assert located == {"byte", *(part for _, part in parts)}


# ------------------------------------------------------------------------------------- attacks


def test_a_pack_signed_by_somebody_else_is_not_believed_for_naming_its_own_key() -> None:
    stranger = Signer(Kms(), ["before"])
    found = problems(file(page(set_up()), stranger))
    assert [problem.split(":")[1] for problem in found] == [
        " signature.key_fingerprint",
        " signature.public_key",
    ]


def test_a_pack_that_claims_the_trusted_fingerprint_for_another_key_is_not_believed() -> None:
    stranger = Signer(Kms(), ["before"])

    def claim(pack: Any) -> None:
        pack["signature"]["key_fingerprint"] = TRUSTED

    (problem,) = problems(altered(file(page(set_up()), stranger), claim))
    assert "signature.public_key: its fingerprint is" in problem


def test_an_entry_altered_together_with_every_digest_is_still_named() -> None:
    def change_entry(pack: Any) -> None:
        pack["evidence"]["ledger"]["entries"][2]["status"] = "revoked"

    found = problems(altered(file(page(set_up())), change_entry, digests=True))
    assert any("signature.value" in problem for problem in found)
    assert "1.json: entry 3: was altered: its content does not match its hash" in found


def test_an_entry_altered_and_hashed_anew_breaks_the_chain() -> None:
    def change_entry(pack: Any) -> None:
        entry = pack["evidence"]["ledger"]["entries"][2]
        entry["status"] = "revoked"
        del entry["hash"]
        entry["hash"] = digest(entry)

    found = problems(altered(file(page(set_up())), change_entry, digests=True))
    assert "1.json: entry 4: the chain is broken between it and the entry before it" in found


def test_what_was_broken_when_the_pack_was_made_is_signed_as_broken() -> None:
    one = set_up()
    spoilt = [*one.entries[:2], replace(one.entries[2], status="pending"), *one.entries[3:]]
    evidence = page(read_again(replace(one, entries=spoilt)))
    assert evidence["ledger"]["first_broken"] == 3
    assert evidence["mandate"]["status"] is None
    assert evidence["stripe_dispute_evidence"]["text"] == {}
    assert problems(file(evidence)) == [
        "1.json: entry 3: was altered: its content does not match its hash",
        "1.json: ledger: entry 3 was altered before this pack was made",
        "1.json: faults: when this pack was made, entry 3 is the first that was altered, removed or put in",
    ]


def test_other_terms_than_were_agreed_to_are_noticed() -> None:
    for stored in (replace(TERMS, business_name="Another Shop"), None):
        evidence = page(replace(set_up(), terms=stored))
        assert evidence["terms"]["document"] is None
        assert any("terms" in problem for problem in problems(file(evidence)))


def remade(one: Record, change_entry: Callable[[dict[str, Any]], None]) -> Record:
    """With the first entry changed, and the chain made anew after that: what only other words can show."""
    entries: list[Entry] = []
    for entry in one.entries:
        content = entry.content()
        if entry.number == 1:
            change_entry(content)
        content["previous_hash"] = entries[-1].hash if entries else GENESIS
        entries.append(Entry(**content, hash=digest(content)))
    assert one.head
    return read_again(replace(one, entries=entries, head=replace(one.head, head_hash=entries[-1].hash)))


def test_a_consent_to_other_words_than_the_terms_have_is_noticed_though_its_chain_holds() -> None:
    def other_words(content: dict[str, Any]) -> None:
        content["text"] = "I'll pay whatever you like."

    evidence = page(remade(set_up(), other_words))
    assert evidence["ledger"]["first_broken"] is None
    fault = "consent: the text shown is not the wording of the terms in en"
    assert problems(file(evidence)) == [f"1.json: faults: when this pack was made, {fault}"]
    silent = {**evidence, "faults": []}
    silent["digests"] = {**evidence["digests"], "faults": digest([])}
    assert problems(file(silent)) == [fault]


def test_a_chain_that_was_made_anew_shows_only_against_a_hash_that_was_kept() -> None:
    def longer_ago(content: dict[str, Any]) -> None:
        content["recorded_at"] = "2026-09-20T14:13:20.000Z"

    one = set_up()
    forged = file(page(replace(remade(one, longer_ago), head=None)))
    assert problems(forged) == []
    kept = [(entry.number, entry.hash) for entry in one.entries]
    assert list(problems_in({"x": file(page(one))}, TRUSTED, kept)) == []
    for number, entry_hash in kept:
        assert list(problems_in({"x": forged}, TRUSTED, [(number, entry_hash)])) == [
            f"entry {number}: its hash is not the one that was kept: the ledger was made anew"
        ]
    cut_off = recorded([our_own(SESSION_CREATED)])
    assert list(problems_in({"x": file(page(cut_off))}, TRUSTED, kept[:2])) == []
    assert list(problems_in({"x": file(page(cut_off))}, TRUSTED, kept[2:3])) == [
        "entry 3: is missing, but its hash was kept: the ledger was cut off before it"
    ]


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("mandate", "status", "active"),
        ("mandate", "customer_id", "auth0|bob"),
        ("mandate", "created_at", "2026-09-20T14:13:20.000Z"),
        ("stripe", "customer_id", "cus_other"),
        ("stripe", "payment_method_id", None),
        ("consent", "text_shown", "I'll pay whatever you like."),
        ("consent", "accepted_at", "2026-09-20T14:13:20Z"),
        ("terms", "version", "2026-11-02"),
        ("retention", "kept_at_least_until", "2026-09-20T14:13:20Z"),
    ],
)
def test_what_a_pack_says_beside_its_ledger_is_noticed_though_it_is_signed(
    section: str, name: str, value: str | None
) -> None:
    evidence = page(set_up())
    evidence[section] = {**evidence[section], name: value}
    evidence["digests"] = {**evidence["digests"], section: digest(evidence[section])}
    assert problems(file(evidence)) == [f"{section}: is not what follows from the ledger"]


def test_a_withdrawal_that_a_signed_pack_leaves_out_is_noticed() -> None:
    evidence = {**page(set_up()), "withdrawals": []}
    evidence["digests"] = {**evidence["digests"], "withdrawals": digest([])}
    assert problems(file(evidence)) == ["withdrawals: is not what follows from the ledger"]


# ------------------------------------------------------------------------------------------ bytes


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: data + b"\n", "byte {size}: not in canonical form"),
        (lambda data: b" " + data, "byte 0: not in canonical form"),
        (lambda data: b'{"signature":{},' + data[1:], "byte 2: not in canonical form"),
        (lambda data: data[:-1], "byte {less}: not JSON"),
        (lambda data: data[:100] + b"\xff" + data[101:], "byte 100: not UTF-8"),
        (lambda data: data.replace(b'"length":5', b'"length":5.0'), "not in canonical form (RFC 8785)"),
        (lambda data: data.replace(b'"length":5', b'"length":NaN'), "not in canonical form (RFC 8785)"),
        (lambda data: data.replace(b'"length":5', b'"length":' + b"5" * 5000), "not in canonical form"),
        (lambda _data: b"[" * 100_000, "not in canonical form"),
        (lambda _data: b"", "byte 0: not JSON"),
        (lambda _data: b"[]", "not an evidence pack"),
        (lambda _data: b'{"evidence":{},"signature":{}}', "signature: unknown or missing"),
        (lambda _data: b'{"evidence":[],"signature":[]}', "not an evidence pack"),
    ],
)
def test_what_is_not_exactly_a_pack_is_refused_where_it_differs(spoil: Any, problem: str) -> None:
    data = file(page(set_up()))
    expected = problem.format(size=len(data), less=len(data) - 1)
    assert any(expected in found for found in problems(spoil(data)))


# ------------------------------------------------------------------------------------------- pages


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "PAGE_BYTES", 4000)


def pages(one: Record) -> list[dict[str, Any]]:
    first = page(one)
    return [first, *(page(one, number) for number in range(2, first["page"]["of"] + 1))]


@pytest.mark.usefixtures("small_pages")
def test_pages_follow_one_another_and_verify_in_any_order() -> None:
    made = pages(set_up(failures=30))
    assert len(made) > 3
    assert [one["page"]["next"] for one in made] == [*range(2, len(made) + 1), None]
    assert made[0]["page"]["hash_before"] == GENESIS
    assert made[1]["page"]["hash_before"] == made[0]["ledger"]["entries"][-1]["hash"]
    files = [file(one) for one in made]
    assert problems(*files) == problems(*reversed(files)) == problems(*files, files[0]) == []


@pytest.mark.usefixtures("small_pages")
def test_no_page_is_larger_than_said_and_none_is_needlessly_small() -> None:
    one = set_up(failures=30)
    sizes = [sum(len(canonical_json(entry)) for entry in made["ledger"]["entries"]) for made in pages(one)]
    assert max(sizes) <= 4000
    assert all(size + 1000 > 4000 for size in sizes[:-1])


@pytest.mark.usefixtures("small_pages")
def test_an_entry_larger_than_a_page_has_one_to_itself() -> None:
    huge = replace(TERMS, texts={"en": {**TERMS.texts["en"], "timing": "x" * 4000}})
    made = pages(set_up(terms=huge))
    assert (made[0]["page"]["first_entry"], made[0]["page"]["last_entry"]) == (1, 1)
    assert problems(*(file(one) for one in made)) == []


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("missing", [0, 1, -1])
def test_a_missing_page_is_named_by_its_entries(missing: int) -> None:
    made = pages(set_up(failures=30))
    gone = made.pop(missing)
    (problem,) = problems(*(file(one) for one in made))
    assert "incomplete" in problem
    assert f"{gone['page']['first_entry']} to {gone['page']['last_entry']} are missing" in problem


@pytest.mark.usefixtures("small_pages")
def test_pages_made_before_and_after_the_ledger_grew_fit_together() -> None:
    before, after = pages(set_up(failures=30, revoked=False)), pages(set_up(failures=30))
    assert before[0]["ledger"]["length"] + 1 == after[0]["ledger"]["length"]
    assert problems(file(before[0]), *(file(one) for one in after[1:])) == []
    assert "incomplete" in problems(file(after[0]), *(file(one) for one in before[1:]))[0]


@pytest.mark.usefixtures("small_pages")
def test_an_earlier_pack_shows_that_a_chain_was_made_anew() -> None:
    """What no chain can show by itself, and why an earlier signed head is worth keeping."""
    honest = pages(set_up(failures=30, revoked=False))
    remade = pages(set_up(failures=30, agent="somebody else"))
    assert problems(*(file(one) for one in remade)) == []
    found = problems(*(file(one) for one in [*honest, *remade]))
    assert "entry 1: two pages disagree about it" in found


@pytest.mark.usefixtures("small_pages")
def test_an_earlier_head_alone_shows_it_too() -> None:
    honest, remade = set_up(revoked=False), pages(set_up(agent="somebody else"))
    head_only = page(honest)
    head_only["ledger"]["entries"] = []
    head_only["page"] = {**head_only["page"], "first_entry": None, "last_entry": None}
    found = problems(file(head_only), *(file(one) for one in remade))
    assert any("the head does not match" in problem for problem in found)


def test_packs_of_two_mandates_are_not_one() -> None:
    other = set_up()
    renamed = replace(other, mandate_id="mdt_other")
    assert "these are packs of different mandates" in problems(file(page(set_up())), file(page(renamed)))


@pytest.mark.parametrize("number", [0, 2, -1])
def test_there_is_no_other_page(number: int) -> None:
    with pytest.raises(IndexError):
        page(set_up(), number)


@pytest.mark.parametrize("asked", ["0", "-1", "x", "1.0", "²", "", "1" * 10])
def test_a_page_is_a_whole_number_from_1(asked: str) -> None:
    assert page_asked_for({}) == 1
    assert page_asked_for({"page": "7"}) == 7
    with pytest.raises(InvalidRequest, match="page"):
        page_asked_for({"page": asked})


# -------------------------------------------------------------------------------------------- keys


def test_the_first_key_signs_and_all_are_published() -> None:
    kms = Kms()
    signer = Signer(kms, ["now", "before"])
    assert [(key["use"], key["algorithm"]) for key in keys_view(signer.public_keys)] == [
        ("current", "ECDSA_SHA_256"),
        ("previous", "ECDSA_SHA_256"),
    ]
    assert len(signer.public_keys) == 2
    assert kms.asked == ["now", "before"]
    assert (
        keys_view(signer.public_keys)[0]["fingerprint"]
        == hashlib.sha256(signer.public_keys[0].der).hexdigest()
    )


def test_signing_asks_only_for_the_key_that_signs() -> None:
    kms = Kms()
    Signer(kms, ["now", "before"]).signed({})
    assert kms.asked == ["now"]


def test_a_pack_signed_before_the_key_was_replaced_still_verifies_with_that_key() -> None:
    before = Signer(Kms(), ["before"])
    assert problems(file(page(set_up()), before), trusted=SIGNER.public_keys[1].fingerprint) == []


# --------------------------------------------------------------------------------- the command line


def verify(*arguments: str) -> int:
    return main(["evidence", "verify", *arguments])


def test_the_command_says_what_it_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evidence.json").write_bytes(file(page(set_up())))
    with_colons = ":".join(TRUSTED.upper()[at : at + 2] for at in range(0, 64, 2))
    assert verify(str(tmp_path / "evidence.json"), "--key", with_colons) == 0
    printed = capsys.readouterr().out
    assert "verified: mandate mdt_example, revoked on" in printed
    assert "the ledger is complete: 5 entries" in printed


def test_the_command_takes_hashes_that_were_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = set_up()
    (tmp_path / "evidence.json").write_bytes(file(page(one)))
    arguments = [str(tmp_path / "evidence.json"), "--key", TRUSTED]
    heads = [f"--head={entry.number}:{entry.hash}" for entry in one.entries]
    assert verify(*arguments, *heads) == 0
    assert verify(*arguments, f"--head=5:{'0' * 64}") == 1
    assert "entry 5: its hash is not the one that was kept" in capsys.readouterr().err
    for odd in ("5", "0:" + "0" * 64, "5:" + "0" * 63, "5:" + "A" * 64, ":" + "0" * 64):
        with pytest.raises(SystemExit, match="2"):
            verify(*arguments, "--head", odd)


def test_the_command_fails_with_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evidence.json").write_bytes(file(page(set_up())) + b" ")
    assert verify(str(tmp_path / "evidence.json"), "--key", TRUSTED) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "NOT VERIFIED"


def test_the_command_tells_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(str(tmp_path / "none.json"), "--key", TRUSTED) == 2
    for arguments in (["evidence", "verify", "a.json"], ["evidence", "verify", "a.json", "--key", "ab"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
    assert "a fingerprint is 64 hex digits" in capsys.readouterr().err


def test_verifying_touches_no_stack(tmp_path: Path) -> None:
    """The stack is only looked up when something of it is asked for; offline there is none."""
    from ops import evidence

    (tmp_path / "evidence.json").write_bytes(file(page(set_up())))
    chosen = argparse.Namespace(files=[tmp_path / "evidence.json"], key=TRUSTED, head=[])
    nothing: Any = None
    assert evidence.run_verify(nothing, chosen) == 0


# ------------------------------------------------------------------------------------- as stored


def stored(entries: Sequence[Entry | None]) -> list[tuple[int, Entry | None]]:
    return list(enumerate(entries, start=1))


def test_the_first_unsound_entry_is_named_even_if_it_cannot_be_read() -> None:
    one = set_up()
    good = stored(one.entries)

    def unsound(ledger: Sequence[tuple[int, Entry | None]]) -> int | None:
        return first_unsound(ledger, length=len(one.entries), head_hash=one.entries[-1].hash)

    assert unsound(good) is None
    assert unsound([*good[:2], (3, None), *good[3:]]) == 3
    assert unsound([*good[:2], *good[3:]]) == 3
    assert unsound(good[:-1]) == 5
    assert unsound([(0, good[0][1]), *good]) == 1
    assert unsound([]) == 1
    spoilt = replace(one.entries[1], status="active")
    assert unsound([good[0], (2, spoilt), good[2], (4, None), good[4]]) == 2
