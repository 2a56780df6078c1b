"""Evidence packs as the business fetches them, as JSON and as PDF, and as anybody can verify them."""

import base64
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from moto.kms.utils import ECDSAPrivateKey

from mandates.core import evidence_pack as core
from mandates.core.canonical import canonical_json
from mandates.core.clock import Instant
from mandates.core.currencies import EXPONENTS
from mandates.core.evidence_charges import POSITIONS_PER_PAGE
from mandates.core.facts import Fact, Kind
from mandates.core.visible import visible
from mandates.ledger import snapshot as use_case
from mandates.store.mandates import add_subject_facts, read_ledger
from mandates.store.published_terms import publish_terms
from ops.__main__ import main
from ops.evidence import problems_in
from tests.component.world import CUSTOMER, ROOT, STRANGER, World, api_event, customer, service, template
from tests.unit import records
from tests.unit.charge_records import PAID, PAID_AT_THE_SECOND, Books, canceled, created, ending, worst
from tests.unit.charge_records import mandate as charged_mandate
from tests.unit.examples import DETACHED, our_own
from tests.unit.records import TERMS
from tests.unit.refund_records import refunded
from tests.unit.test_evidence_pack import page as evidence_page

JSON_ROUTE = "/mandates/{mandate_id}/evidence"
PDF_ROUTE = "/mandates/{mandate_id}/evidence.pdf"
READER = service("mandates:read")
LAMBDA_ANSWERS_AT_MOST = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@pytest.fixture(autouse=True)
def kms_signs_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto hashes what MessageType says is the hash already."""

    def sign(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        assert signing_algorithm == "ECDSA_SHA_256"
        return self.private_key.sign(message, ec.ECDSA(utils.Prehashed(SHA256())))

    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign)


@pytest.fixture
def mandate_id(world: World) -> str:
    """An active mandate of CUSTOMER."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    return str(begun["mandate_id"])


def fetch(
    world: World, mandate_id: str, caller: Mapping[str, str] | None = READER, page: str | None = None
) -> dict[str, Any]:
    event = api_event(
        "GET",
        JSON_ROUTE,
        path={"mandate_id": mandate_id},
        caller=caller,
        query={"page": page} if page is not None else None,
    )
    answered: dict[str, Any] = world.invoke("export_evidence", event)
    return answered


def pack(world: World, mandate_id: str, page: str | None = None) -> bytes:
    answered = fetch(world, mandate_id, page=page)
    assert answered["statusCode"] == 200, answered
    assert answered["isBase64Encoded"] is False
    return str(answered["body"]).encode()


def published_keys(world: World) -> list[dict[str, str]]:
    answered = world.call("export_evidence", "/evidence-keys")
    assert answered.status == 200
    keys: list[dict[str, str]] = answered.body["keys"]
    return keys


def problems(world: World, *packs: bytes) -> list[str]:
    trusted = published_keys(world)[0]["fingerprint"]
    return list(problems_in({f"{number}.json": data for number, data in enumerate(packs, start=1)}, trusted))


# ------------------------------------------------------------------------------------------- JSON


def test_a_fetched_pack_is_verified_offline_against_the_published_key(
    world: World, mandate_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evidence.json").write_bytes(pack(world, mandate_id))
    (key,) = published_keys(world)
    assert main(["evidence", "verify", str(tmp_path / "evidence.json"), "--key", key["fingerprint"]]) == 0
    assert mandate_id in capsys.readouterr().out


def test_it_tells_the_whole_story(world: World, mandate_id: str) -> None:
    evidence = json.loads(pack(world, mandate_id))["evidence"]
    mandate = world.get_mandate(mandate_id).body
    assert evidence["mandate"]["status"] == "active"
    assert evidence["mandate"]["customer_id"] == CUSTOMER
    assert evidence["stripe"]["payment_method_id"] == mandate["payment_method_id"]
    assert [entry["hash"] for entry in evidence["ledger"]["entries"]] == [
        entry["hash"] for entry in mandate["ledger"]
    ]
    assert evidence["consent"]["text_shown"] == world.terms.wording("en")
    values = {value["name"]: value["value"] for value in evidence["personal_values"]}
    assert values == {
        "source_ip": "203.0.113.7",
        "user_agent": "pytest",
        "subject": CUSTOMER,
        "issuer": "https://issuer.example",
    }
    assert evidence["ledger"]["first_broken"] is None


def test_it_is_saved_under_a_name_and_kept_by_nobody_on_the_way(world: World, mandate_id: str) -> None:
    headers = fetch(world, mandate_id)["headers"]
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Disposition"] == f'attachment; filename="evidence-{mandate_id}-1.json"'
    assert headers["Cache-Control"] == "no-store"


def test_a_withdrawal_that_only_the_payment_method_knows_of_shows(world: World, mandate_id: str) -> None:
    world.stripe.core.detach(world.get_mandate(mandate_id).body["payment_method_id"])
    world.run_webhooks()
    data = pack(world, mandate_id)
    evidence = json.loads(data)["evidence"]
    assert evidence["mandate"]["status"] == "revoked"
    assert {(one["subject"], one["told"]) for one in evidence["withdrawals"]} == {("payment_method", True)}
    assert problems(world, data) == []


def test_a_withdrawal_that_no_ledger_tells_of_yet_shows_as_that(world: World, mandate_id: str) -> None:
    """As between the write to the subject and the entry: the API says revoked, and so does the evidence."""
    method = world.get_mandate(mandate_id).body["payment_method_id"]
    add_subject_facts(f"payment_method#{method}", [Fact(Kind.DETACHED, 1793491200, "evt_1")])
    data = pack(world, mandate_id)
    evidence = json.loads(data)["evidence"]
    assert evidence["mandate"]["status"] == world.get_mandate(mandate_id).body["status"] == "revoked"
    assert [(one["id"], one["told"]) for one in evidence["withdrawals"]] == [(method, False)]
    assert (evidence["faults"], problems(world, data)) == ([], [])


@pytest.mark.parametrize("route", [("export_evidence", JSON_ROUTE), ("render_evidence", PDF_ROUTE)])
@pytest.mark.parametrize(
    ("caller", "refusal"),
    [
        (customer(CUSTOMER), (403, "insufficient_scope")),
        (customer(STRANGER), (404, "not_found")),
        (service("mandates:write"), (403, "insufficient_scope")),
        (None, (401, "unauthenticated")),
        (service("mandates:read") | {"expires_at": "1"}, (401, "unauthenticated")),
    ],
)
def test_it_is_for_a_service_that_may_read(
    world: World,
    mandate_id: str,
    route: tuple[str, str],
    caller: Mapping[str, str] | None,
    refusal: tuple[int, str],
) -> None:
    function, resource = route
    accept = {"Accept": "application/pdf"}
    answered = world.call(function, resource, path={"mandate_id": mandate_id}, caller=caller, headers=accept)
    assert (answered.status, answered.body["code"]) == refusal


@pytest.mark.parametrize(("caller", "status"), [(READER, 404), (customer(CUSTOMER), 404), (service(), 403)])
def test_what_is_not_there_is_told_to_nobody_else(
    world: World, caller: Mapping[str, str], status: int
) -> None:
    assert fetch(world, "mdt_none", caller)["statusCode"] == status


# ------------------------------------------------------------------------------------------ pages


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "PAGE_BYTES", 1000)


@pytest.mark.usefixtures("small_pages")
def test_a_long_ledger_is_fetched_page_by_page(world: World, mandate_id: str) -> None:
    packs = [pack(world, mandate_id)]
    while (following := json.loads(packs[-1])["evidence"]["page"]["next"]) is not None:
        packs.append(pack(world, mandate_id, page=str(following)))
    assert len(packs) > 1
    assert problems(world, *packs) == []
    assert any("incomplete" in problem for problem in problems(world, *packs[1:]))
    assert fetch(world, mandate_id, page=str(len(packs) + 1))["statusCode"] == 404


@pytest.mark.parametrize("page", ["0", "-1", "one", ""])
def test_a_page_that_is_no_number_is_refused(world: World, mandate_id: str, page: str) -> None:
    answered = fetch(world, mandate_id, page=page)
    assert answered["statusCode"] == 400
    assert "page" in json.loads(answered["body"])["detail"]


def test_a_ledger_that_grows_while_it_is_read_is_read_again(
    world: World, mandate_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    def grows_first(asked: str) -> Any:
        if not reads:
            world.revoke(mandate_id)
        reads.append(asked)
        return read_ledger(asked)

    world.function("export_evidence")
    monkeypatch.setattr(use_case, "read_ledger", grows_first)
    assert problems(world, pack(world, mandate_id)) == []
    assert len(reads) == 2


# ----------------------------------------------------------------------------------- what was altered


def alter(mandate_id: str, record: str, attribute: str, value: str) -> None:
    boto3.client("dynamodb").update_item(
        TableName="mandates",
        Key={"mandate_id": {"S": mandate_id}, "record": {"S": record}},
        UpdateExpression="SET #attribute = :value",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues={":value": {"S": value}},
    )


def test_an_altered_entry_is_exported_as_altered(
    world: World,
    mandate_id: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    alter(mandate_id, "entry#000002", "status", "active")
    data = pack(world, mandate_id)
    assert json.loads(data)["evidence"]["ledger"]["first_broken"] == 2
    assert any("entry 2: was altered" in problem for problem in problems(world, data))
    assert "BrokenLedgers" in capsys.readouterr().out
    assert "what is stored does not follow from its ledger" in caplog.text


@pytest.mark.parametrize("facts", ["{not json", '[{"kind": "consent_accepted", "at": 1.5}]', '"text"'])
def test_an_entry_that_cannot_be_read_is_said_to_be_altered(
    world: World, mandate_id: str, facts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    alter(mandate_id, "entry#000002", "facts", facts)
    answered = fetch(world, mandate_id)
    assert answered["statusCode"] == 500
    body = json.loads(answered["body"])
    assert body["code"] == "ledger_unreadable"
    assert f"mandate verify {mandate_id}" in body["detail"]
    assert "BrokenLedgers" in capsys.readouterr().out


def test_terms_that_were_altered_are_noticed(world: World, mandate_id: str) -> None:
    def fault() -> str:
        data = pack(world, mandate_id)
        (one,) = json.loads(data)["evidence"]["faults"]
        assert any(one in problem for problem in problems(world, data))
        return str(one)

    alter_terms(world.terms.version, json.dumps({**world.terms.to_plain(), "business_name": "Another Shop"}))
    assert fault() == "terms: what is stored as version 2026-11-01 is not what was agreed to"
    alter_terms(world.terms.version, "{}")
    assert fault() == "terms: version 2026-11-01 is not stored, or can't be read"


def alter_terms(version: str, document: str) -> None:
    boto3.client("dynamodb").update_item(
        TableName="terms",
        Key={"record": {"S": "version"}, "version": {"S": version}},
        UpdateExpression="SET document = :document",
        ExpressionAttributeValues={":document": {"S": document}},
    )


# ------------------------------------------------------------------------------------------- keys


def test_keys_are_public_and_may_be_kept_for_a_while(world: World) -> None:
    answered = world.call("export_evidence", "/evidence-keys")
    assert answered.headers["Cache-Control"] == "public, max-age=300"
    (key,) = answered.body["keys"]
    assert key["public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert (key["algorithm"], key["use"]) == ("ECDSA_SHA_256", "current")
    assert re.fullmatch("[0-9a-f]{64}", key["fingerprint"])


def test_a_replaced_key_is_still_published_and_still_verifies(world: World, mandate_id: str) -> None:
    before = pack(world, mandate_id)
    kms: Any = boto3.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    world.environment["EVIDENCE_KEY_IDS"] = f"{key},{world.evidence_key_arn}"
    world.functions.clear()
    current, previous = published_keys(world)
    assert [current["use"], previous["use"]] == ["current", "previous"]
    assert list(problems_in({"before": before}, previous["fingerprint"])) == []
    assert list(problems_in({"after": pack(world, mandate_id)}, current["fingerprint"])) == []
    assert list(problems_in({"before": before}, current["fingerprint"])) != []


# -------------------------------------------------------------------------------------------- PDF


def fetch_pdf(world: World, mandate_id: str, accept: str | None = "application/pdf") -> dict[str, Any]:
    headers = {"Accept": accept} if accept is not None else {}
    event = api_event("GET", PDF_ROUTE, path={"mandate_id": mandate_id}, caller=READER, headers=headers)
    answered: dict[str, Any] = world.invoke("render_evidence", event)
    return answered


def streams(pdf: bytes) -> Iterator[bytes]:
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            yield zlib.decompress(found[1])
        except zlib.error:
            yield found[1]


def test_the_pdf_carries_the_signed_json_it_shows(world: World, mandate_id: str) -> None:
    answered = fetch_pdf(world, mandate_id)
    assert (answered["statusCode"], answered["isBase64Encoded"]) == (200, True)
    assert answered["headers"]["Content-Type"] == "application/pdf"
    assert answered["headers"]["Content-Disposition"] == f'attachment; filename="evidence-{mandate_id}-1.pdf"'
    pdf = base64.b64decode(answered["body"])
    assert pdf.startswith(b"%PDF-1.7")
    assert b"pdfaid:part>3<" in pdf
    attached = [stream for stream in streams(pdf) if stream.startswith(b'{"evidence":')]
    assert len(attached) == 1
    assert problems(world, attached[0]) == []


SOUND = records.set_up()
PACKS_OF = {
    "a withdrawal that is not told": replace(
        records.set_up(revoked=False), subjects={records.METHOD_SUBJECT: {DETACHED.key: DETACHED}}
    ),
    "an erasure": replace(records.recorded([our_own(records.ERASED)]), personal={}),
    "a broken chain": records.read_again(
        replace(SOUND, entries=[*SOUND.entries[:2], *SOUND.entries[3:]], terms=None)
    ),
    "a ledger without its consent": records.read_again(replace(SOUND, entries=SOUND.entries[1:])),
    "an empty ledger": records.read_again(replace(SOUND, entries=())),
}


@pytest.mark.parametrize("of", PACKS_OF)
def test_whatever_a_pack_can_not_say_has_its_place_in_the_pdf(
    world: World, of: str, caplog: pytest.LogCaptureFixture
) -> None:
    module = world.function("render_evidence")
    evidence = core.build_pack(PACKS_OF[of], page=1, generated_at="2026-11-23T09:00:00.000Z")
    assert bool(evidence["faults"]) == ("chain" in of or "ledger" in of)
    assert module.render(module.signer.signed(evidence)).startswith(b"%PDF-1.7")
    assert "not an archival PDF" not in caplog.text


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html,application/pdf", "application/pdf, */*"]
)
def test_whoever_accepts_something_else_would_get_base64_and_is_told_so(
    world: World, mandate_id: str, accept: str | None
) -> None:
    answered = fetch_pdf(world, mandate_id, accept)
    assert (answered["statusCode"], answered["isBase64Encoded"]) == (406, False)
    body = json.loads(answered["body"])
    assert body["code"] == "not_acceptable"
    assert "Accept: application/pdf" in body["detail"]


def test_only_pdf_is_binary_so_that_webhooks_stay_text() -> None:
    assert template()["Resources"]["Api"]["Properties"]["BinaryMediaTypes"] == ["application/pdf"]


def test_the_same_pack_gives_the_same_bytes(world: World, mandate_id: str) -> None:
    render = world.function("render_evidence").render
    signed = json.loads(pack(world, mandate_id))
    other = json.loads(pack(world, mandate_id))
    assert render(signed) == render(json.loads(canonical_json(signed)))
    assert render(signed) != render(other)


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("de", "Mit Ihrer Zustimmung ermächtigen Sie uns, für größere Käufe zu belasten: höchstens 300 €."),
        ("fr", "En acceptant, vous autorisez l’enregistrement de votre compte ; œuvre, « où », ça."),
        ("pl", "Zażółć gęślą jaźń; możesz to odwołać."),
        ("el", "Αποδεχόμενοι, εξουσιοδοτείτε τη χρέωση του λογαριασμού σας."),
        ("ru", "Принимая условия, вы разрешаете списывать средства со счёта."),
        ("vi", "Bằng cách chấp nhận, bạn cho phép chúng tôi ghi nợ tài khoản."),
        ("ja", "同意することにより、お客様は将来のご注文に対する請求を承認します。"),
        ("ko", "동의함으로써 귀하는 향후 주문에 대한 청구를 승인합니다."),
        ("zh", "接受即表示您授权我们为日后的订单扣款。"),
        ("zh-TW", "接受即表示您授權我們為日後的訂單扣款。"),
        ("ar", "بالموافقة، فإنك تفوضنا بالخصم من حسابك."),
        ("he", "באישורך, הנך מסמיך אותנו לחייב את חשבונך."),
        ("th", "เมื่อยอมรับ คุณอนุญาตให้เราเรียกเก็บเงินจากบัญชีของคุณ"),
        ("hi", "स्वीकार करके, आप हमें अपने खाते से शुल्क लेने की अनुमति देते हैं।"),
    ],
    ids=lambda value: value if len(value) < 6 else "",
)
def test_terms_in_any_language_have_all_their_characters(world: World, locale: str, text: str) -> None:
    """An archival PDF can't be made if a single character is in none of the fonts."""
    sections = dict.fromkeys(("permission", "frequency", "timing", "amount", "cancellation"), text)
    world.terms = replace(world.terms, version=f"v-{locale}", default_locale=locale, texts={locale: sections})
    publish_terms(world.terms, Instant(time.time()))
    world.put_customer()
    mandate_id = world.post_checkout(locale=locale).body["mandate_id"]
    answered = fetch_pdf(world, mandate_id)
    assert answered["statusCode"] == 200
    assert b"pdfaid:part>3<" in base64.b64decode(answered["body"])


def test_the_calendar_that_terms_name_is_shown_and_verified(world: World) -> None:
    world.terms = replace(world.terms, version="zoned", time_zone="America/New_York")
    publish_terms(world.terms, Instant(time.time()))
    data = pack(world, world.begun()["mandate_id"])
    signed = json.loads(data)
    assert signed["evidence"]["terms"]["document"]["time_zone"] == "America/New_York"
    assert problems(world, data) == []
    with_calendar = texts_drawn(world, signed)
    del signed["evidence"]["terms"]["document"]["time_zone"]
    assert with_calendar > texts_drawn(world, signed)


def texts_drawn(world: World, signed: dict[str, Any]) -> int:
    """How many pieces of text the PDF's pages have."""
    pdf: bytes = world.function("render_evidence").render(signed)
    return texts_of(pdf)


@pytest.mark.parametrize(
    ("locale", "face"),
    [
        ("ja", "jp"),
        ("ko-KR", "kr"),
        ("zh", "sc"),
        ("zh-Hans-HK", "sc"),
        ("zh-TW", "tc"),
        ("zh-Hant", "tc"),
        ("zh-HK", "hk"),
        ("zh-Hant-HK", "hk"),
        ("zh-Hant-MO", "hk"),
        ("en", "sc"),
    ],
)
def test_a_chinese_character_is_drawn_as_its_readers_know_it(
    world: World, mandate_id: str, locale: str, face: str
) -> None:
    signed = json.loads(pack(world, mandate_id))
    signed["evidence"]["consent"]["text_shown"] = "接受即表示您授權"
    signed["evidence"]["mandate"]["locale"] = locale
    pdf = world.function("render_evidence").render(signed)
    streams = (
        zlib.decompress(stream)
        for stream, _ in re.findall(rb"stream\r?\n(x.*?)(endstream)", pdf, flags=re.DOTALL)
    )
    named = re.findall(rb"NotoSansCJK([a-z]{2})", b"".join((pdf, *streams)))
    assert set(named) == {face.encode()}


def test_a_character_no_font_has_still_gives_a_pdf(world: World, mandate_id: str) -> None:
    render = world.function("render_evidence").render
    signed = json.loads(pack(world, mandate_id))
    signed["evidence"]["personal_values"][0]["value"] = "\u0378 \ue000 \x07"
    pdf = render(signed)
    assert pdf.startswith(b"%PDF-1.7")
    assert b"pdfaid" not in pdf


ESCAPE = "\x1b[2J"
HOSTILE = f"{ESCAPE}\x07\x9b\x7f\u202egnihton\u202c\u2066\u200f\u061c\u2028\u2029 end"


def hostile_throughout(value: Any) -> Any:
    """The same with hostile text behind each text that the layout takes no value from."""
    match value:
        case str():
            return f"{value}{HOSTILE}"
        case list():
            return [hostile_throughout(one) for one in value]
        case dict():
            return {name: hostile_throughout(one) for name, one in value.items()}
    return value


def test_what_would_hide_or_turn_text_is_written_out_in_the_pdf(world: World, mandate_id: str) -> None:
    """The PDF's fonts map to none of it. The attached JSON stays what was signed."""
    world.revoke(mandate_id)
    signed = json.loads(pack(world, mandate_id))
    evidence = signed["evidence"]
    for section in ("stripe", "personal_values", "consent", "stripe_dispute_evidence"):
        kept = {name: evidence[section][name] for name in ("accepted_at",) if name in evidence[section]}
        evidence[section] = hostile_throughout(evidence[section])
        if kept:
            evidence[section].update(kept)
    evidence["mandate"]["customer_id"] += HOSTILE
    evidence["terms"]["document"]["business_name"] += HOSTILE
    evidence["refusals"] = [{**REFUSED, "reason": HOSTILE}]
    evidence["withdrawals"][0]["fact"]["detail"] = {ESCAPE: HOSTILE}
    pdf = world.function("render_evidence").render(signed)
    assert b"pdfaid:part>3<" in pdf
    found = list(streams(pdf))
    assert canonical_json(signed) in found
    mapped = {
        int(number, 16)
        for stream in found
        if b"begincmap" in stream
        for pair in re.findall(rb"<[0-9A-Fa-f]+> <([0-9A-Fa-f]+)>", stream)
        for number in re.findall(rb"[0-9A-Fa-f]{4}", pair)
    }
    assert len(mapped) > 50
    hiding = {ord(character) for character in HOSTILE if visible(character) != character}
    assert not mapped & hiding


def test_the_wording_keeps_its_lines_in_the_pdf_and_nothing_else_has_any(world: World) -> None:
    shown = world.function("render_evidence").shown
    told = {"consent": {"text_shown": "One.\n\nTwo."}, "dispute": {"text": {"log": "a\nb"}}, "reason": "a\nb"}
    assert shown(told) == {**told, "reason": "a\\u000ab"}


def test_what_is_shown_is_never_read_as_markup(world: World, mandate_id: str) -> None:
    render = world.function("render_evidence").render
    signed = json.loads(pack(world, mandate_id))
    signed["evidence"]["personal_values"][0]["value"] = "#panic() $x$ *_`@a <b> [ ] \\ // /* {{"
    signed["evidence"]["consent"]["text_shown"] = '#read("main.typ") = Heading\n\n#include "x"'
    assert render(signed).startswith(b"%PDF")


REFUSED = {
    "reason": "too_frequent",
    "first": "2026-11-01T09:00:00.000Z",
    "last": "2026-11-02T09:00:00.000Z",
    "count": 2,
    "proven": False,
}


def test_charges_notices_and_refusals_are_shown(world: World) -> None:
    """Of charges as they can be: with a notice, given up before an attempt, and broken."""
    books = Books(charged_mandate(replace(TERMS, notice_hours=24)))
    books.charge(*PAID_AT_THE_SECOND, notice=books.notice())
    given_up = books.charge(created(), canceled(2), ending(2))
    broken = replace(given_up, entries=[], first_broken=1, personal={}, head=None)
    part = books.slice()
    record = replace(books.recorded(), refusals=[REFUSED])
    broken_too = replace(record, charging=replace(part, positions=[*part.positions[:2], broken]))
    render = world.function("render_evidence")
    one, other = (rendered(render, evidence_page(record, 1)) for record in (record, broken_too))
    assert b"pdfaid:part>3<" in one
    assert b"pdfaid:part>3<" in other
    assert texts_of(one) > texts_of(rendered(render, evidence_page(books.record, 1))) + 60


def test_refunds_and_disputes_are_shown(world: World) -> None:
    render = world.function("render_evidence")
    books, plain = refunded(), Books()
    plain.charge(*PAID, key="key-0")
    with_them, without = (rendered(render, evidence_page(one.recorded(), 1)) for one in (books, plain))
    assert b"pdfaid:part>3<" in with_them
    assert texts_of(with_them) > texts_of(without) + 8


def rendered(function: Any, evidence: dict[str, Any]) -> bytes:
    pdf: bytes = function.render(function.signer.signed(evidence))
    return pdf


def texts_of(pdf: bytes) -> int:
    return sum(stream.count(b"<</MCID ") for stream in streams(pdf))


def test_the_layout_knows_which_currencies_have_no_decimals() -> None:
    """Yen are never multiplied or divided by 100."""
    layout = (ROOT / "functions" / "render_evidence" / "evidence.typ").read_text()
    without = [currency for currency, digits in EXPONENTS.items() if digits == 0]
    assert f"#let no-decimals = ({', '.join(map(json.dumps, without))},)" in layout


def test_a_page_of_charges_with_the_most_attempts_fits_the_answer_of_a_function(world: World) -> None:
    books = Books()
    for _ in range(POSITIONS_PER_PAGE):
        worst(books)
    evidence = evidence_page(books.recorded(), 1)
    pdf = rendered(world.function("render_evidence"), evidence)
    print(f"JSON {len(canonical_json(evidence)):,} bytes, PDF in base64 {len(base64.b64encode(pdf)):,}")
    assert len(base64.b64encode(pdf)) < LAMBDA_ANSWERS_AT_MOST / 2


def test_the_largest_page_fits_the_answer_of_a_function(world: World, mandate_id: str) -> None:
    """A page full of entries, beside terms as large as a DynamoDB item can be."""
    signed = json.loads(pack(world, mandate_id))
    ledger, document = signed["evidence"]["ledger"], signed["evidence"]["terms"]["document"]
    ledger["entries"] = ledger["entries"][1:2] * (
        core.PAGE_BYTES // len(canonical_json(ledger["entries"][1]))
    )
    document["texts"]["en"]["timing"] = "words " * 66_000
    assert len(canonical_json(signed)) > 750_000
    pdf = world.function("render_evidence").render(signed)
    assert len(base64.b64encode(pdf)) < LAMBDA_ANSWERS_AT_MOST / 2


# -------------------------------------------------------------------------------------- how long


def test_nothing_of_it_is_deleted_by_itself() -> None:
    """Evidence is kept at least 240 days after the last charge; here it has no end at all."""
    for table in ("ChargesTable", "MandatesTable", "TermsTable", "StripeSubjectsTable"):
        resource = template()["Resources"][table]
        assert "TimeToLiveSpecification" not in resource["Properties"]
        assert "Retain" in resource["DeletionPolicy"]
    assert template()["Resources"]["EvidenceKey"]["UpdateReplacePolicy"] == "Retain"
