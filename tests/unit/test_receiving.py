"""From the signed request to the queue's message."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from mandates.core.signature import NoMatchingSignature, SignatureRefused
from mandates.core.stripe_events.projection import project
from mandates.runtime.secret_values import Secret
from mandates.webhooks.receiving import MAX_BODY_BYTES, BodyTooLarge, EventRefused, accept, webhook_secrets
from tests.unit.examples import EVERY_EVENT, OWNER_MARK
from tests.unit.test_signature import NOW, OTHER, SECRET, header

EVENT = json.dumps(EVERY_EVENT["customer.deleted"])


class SecretsManager:
    def __init__(self, *secrets: str) -> None:
        self.secrets = list(secrets)
        self.calls = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.calls += 1
        return {"SecretString": json.dumps({"secrets": self.secrets})}


class Endpoint:
    def __init__(self, *secrets: str) -> None:
        self.now = float(NOW)
        self.aws = SecretsManager(*secrets)
        self._secrets = Secret(self.aws, "arn", webhook_secrets, lambda: self.now)

    def post(self, body: str | bytes, secret: str = SECRET, headers: Mapping[str, str] | None = None) -> Any:
        payload = body if isinstance(body, bytes) else body.encode()
        if headers is None:
            headers = {"stripe-signature": signed(payload, secret, int(self.now))}
        message = self.accept(payload, headers)
        return message and json.loads(message)

    def accept(self, payload: bytes, headers: Mapping[str, str]) -> str | None:
        return accept(payload, headers, self._secrets, lambda: self.now, owner_mark=OWNER_MARK)


def signed(payload: bytes, secret: str = SECRET, at: int = NOW) -> str:
    """Also for bodies that are not text, which Stripe's SDK does not sign."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(SECRET)


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_the_message_is_the_projection_and_no_more(endpoint: Endpoint, kind: str) -> None:
    assert endpoint.post(json.dumps(EVERY_EVENT[kind], indent=2)) == {
        "format": 1,
        **project(EVERY_EVENT[kind]),
    }


def test_the_message_is_compact_and_ascii(endpoint: Endpoint) -> None:
    body = '{ "id": "evt_1", "type": "thé" }'.encode()
    message = endpoint.accept(body, {"stripe-signature": signed(body)})
    assert message == '{"id":"evt_1","type":"th\\u00e9","format":1}'


def test_what_stripes_sdk_signed_is_accepted(endpoint: Endpoint) -> None:
    assert endpoint.post(EVENT, headers={"stripe-signature": header(EVENT)})["id"] == "evt_example"


@pytest.mark.parametrize(
    "headers", [{}, {"stripe-signature": ""}, {"Stripe-Signature": "t=1,v1=x"}, {"x": "y"}]
)
def test_a_request_without_a_signature_is_refused(endpoint: Endpoint, headers: dict[str, str]) -> None:
    with pytest.raises(SignatureRefused):
        endpoint.post("{}", headers=headers)


def test_a_body_that_was_not_signed_is_refused_before_it_is_read(endpoint: Endpoint) -> None:
    with pytest.raises(NoMatchingSignature):
        endpoint.post("not json", secret=OTHER)


CHARGE_ID = f"chg_{'a' * 24}_{'b' * 16}"
MANDATE_ID = f"mdt_{'a' * 24}"


@pytest.mark.parametrize(
    "metadata",
    [
        *(..., None, [], "managed_by", {}, {"managed_by": "another-stack"}, {"managed_by": [OWNER_MARK]}),
        *({"charge_id": "chg_5"}, {"charge_id": [CHARGE_ID]}, {"mandate_id": "mandate-5"}),
        {"managed_by": "another-stack", "mandate_id": MANDATE_ID, "charge_id": CHARGE_ID},
    ],
)
@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "payment_intent.created"])
def test_somebody_elses_payment_has_no_message(endpoint: Endpoint, kind: str, metadata: Any) -> None:
    payment = {"id": "pi_1", "object": "payment_intent"} | ({} if metadata is ... else {"metadata": metadata})
    event = {"id": "evt_1", "type": kind, "data": {"object": payment}}
    assert endpoint.post(json.dumps(event)) is None
    with pytest.raises(NoMatchingSignature):
        endpoint.post(json.dumps(event), secret=OTHER)


@pytest.mark.parametrize("metadata", [{"charge_id": CHARGE_ID}, {"mandate_id": MANDATE_ID, "managed_by": ""}])
def test_a_payment_that_lost_our_mark_and_names_something_of_ours_has_one(
    endpoint: Endpoint, metadata: Any
) -> None:
    payment = {"id": "pi_1", "object": "payment_intent", "metadata": metadata}
    event = {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": payment}}
    assert endpoint.post(json.dumps(event))["id"] == "evt_1"


@pytest.mark.parametrize(
    ("mode", "mark", "foreign"),
    [
        *(("payment", "", True), ("subscription", "", True), ("payment", "another-stack", True)),
        *(("setup", "", False), (None, "", False), ("payment", OWNER_MARK, False)),
    ],
)
def test_a_strangers_session_that_takes_money_has_no_message(
    endpoint: Endpoint, mode: str | None, mark: str, foreign: bool
) -> None:
    """Ours are in setup mode: https://docs.stripe.com/api/checkout/sessions/object"""
    session = {"id": "cs_1", "object": "checkout.session", "mode": mode, "metadata": {"managed_by": mark}}
    event = {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": session}}
    assert (endpoint.post(json.dumps(event)) is None) is foreign


def test_a_payment_of_ours_has_one_and_so_has_whatever_is_no_payment(endpoint: Endpoint) -> None:
    for kind, mark in (("payment_intent.created", OWNER_MARK), ("customer.deleted", "another-stack")):
        event = {"id": "evt_1", "type": kind, "data": {"object": {"metadata": {"managed_by": mark}}}}
        assert endpoint.post(json.dumps(event))["id"] == "evt_1"


@pytest.mark.parametrize("data", [None, 5, [], {}, {"object": None}, {"object": []}])
def test_a_payment_that_does_not_say_whose_it_is_has_no_message(endpoint: Endpoint, data: Any) -> None:
    assert (
        endpoint.post(json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": data})) is None
    )


# --------------------------------------------------------------------------------- rolling a secret


def test_a_secret_that_was_just_added_is_found_at_the_first_event_it_signed() -> None:
    endpoint = Endpoint(SECRET)
    endpoint.post(EVENT)
    endpoint.aws.secrets.append(OTHER)
    endpoint.now += 61
    endpoint.post(EVENT, secret=OTHER)
    endpoint.post(EVENT, secret=SECRET)
    assert endpoint.aws.calls == 2


def test_bad_signatures_do_not_become_a_stream_of_calls() -> None:
    endpoint = Endpoint(SECRET)
    for _ in range(30):
        with pytest.raises(NoMatchingSignature):
            endpoint.post(EVENT, secret=OTHER)
        endpoint.now += 10
    assert endpoint.aws.calls == 1 + 5  # the first, and 300 s at most one a minute


def test_a_secret_added_a_moment_ago_is_found_even_right_after_a_fetch() -> None:
    endpoint = Endpoint(SECRET)
    endpoint.post(EVENT)
    endpoint.aws.secrets.append(OTHER)
    endpoint.post(EVENT, secret=OTHER)
    assert endpoint.aws.calls == 2


def test_only_a_signature_that_matches_nothing_makes_us_look() -> None:
    endpoint = Endpoint(SECRET)
    endpoint.post(EVENT)
    endpoint.now += 120
    for malformed in ("", "t=1,v1=x", f"t={NOW},v0=x"):
        with pytest.raises(SignatureRefused):
            endpoint.post(EVENT, headers={"stripe-signature": malformed})
    assert endpoint.aws.calls == 1


# --------------------------------------------------------------------------------------- not an event


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"5",
        b'"evt_1"',
        b"[]",
        b'[{"id":"evt_1","type":"x"}]',
        b"{",
        b'{"id":"evt_1","type":"x"',
        b'{"id":"evt_1","type":"x"}{}',
        b"{'id': 'evt_1'}",
        b'\xef\xbb\xbf{"id":"evt_1","type":"x"}',
        b'{"id":"evt_1","type":"\xff"}',
        '{"id":"evt_1","type":"x"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"id":"evt_1","type":"x","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id":"evt_1","type":"x","created":' + b"9" * 5000 + b"}",
        b"{}",
        b'{"id":"evt_1"}',
        b'{"type":"x"}',
        b'{"id":null,"type":"x"}',
        b'{"id":"","type":"x"}',
        b'{"id":5,"type":"x"}',
        b'{"id":["evt_1"],"type":"x"}',
        b'{"id":"evt_1","type":""}',
        b'{"id":"evt_1","type":["x"]}',
        b'{"id":"evt_1","type":{}}',
        b'{"id":"' + b"x" * 256 + b'","type":"x"}',
        b'{"id":"evt 1","type":"x"}',
        b'{"id":"evt_1\\n","type":"x"}',
        b'{"id":"api:revoke_mandate","type":"x"}',
        b'{"id":"cursor#1","type":"x"}',
        b'{"id":"evt_\xe2\x80\xae1","type":"x"}',
        b'{"id":"evt_1","type":"' + b"x" * 256 + b'"}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_signed_and_not_an_event_is_refused(endpoint: Endpoint, body: bytes) -> None:
    with pytest.raises(EventRefused) as refused:
        endpoint.post(body)
    assert refused.value.code == "invalid_event"


def test_ids_of_255_characters_are_taken(endpoint: Endpoint) -> None:
    longest = {"id": "e" * 255, "type": "t" * 255}
    assert endpoint.post(json.dumps(longest)) == {"format": 1, **longest}


def test_odd_json_leaves_nothing_odd_in_the_message(endpoint: Endpoint) -> None:
    assert endpoint.post('{"id":"evt_1","type":"x","a":NaN}').keys() == {"format", "id", "type"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"id":"evt_1","type":"x","id":"evt_2"}', '"id"'),
        ('{"id":"evt_1","type":"x","id":"evt_1"}', '"id"'),
        ('{"id":"evt_1","type":"x","data":{"object":{"customer":"cus_a","customer":"cus_b"}}}', '"customer"'),
        ('{"id":"evt_1","type":"x","a":[{"\\u202eb":1,"\\u202eb":2}]}', r'"\u202eb"'),
    ],
)
def test_an_event_with_a_field_given_twice_is_refused_by_its_name(
    endpoint: Endpoint, body: str, field: str
) -> None:
    with pytest.raises(EventRefused, match="is given twice") as refused:
        endpoint.post(body)
    assert f"the field {field} is" in str(refused.value)


def test_the_largest_body_is_the_limit(endpoint: Endpoint) -> None:
    whole = '{"id":"evt_1","type":"x","a":""}'
    padding = "x" * (MAX_BODY_BYTES - len(whole))
    largest = whole.replace('"a":""', f'"a":"{padding}"')
    assert len(largest) == 1024 * 1024
    assert endpoint.post(largest) == {"format": 1, "id": "evt_1", "type": "x"}
    with pytest.raises(BodyTooLarge) as refused:
        endpoint.post(largest + " ")
    assert refused.value.code == "request_too_large"


def test_a_deeply_nested_object_is_refused_or_taken(endpoint: Endpoint) -> None:
    nested = '{"id":' * 2000 + '"x"' + "}" * 2000
    subject = f'{{"object":"customer","id":{nested}}}'
    raised = False
    try:
        endpoint.post(f'{{"id":"evt_1","type":"customer.deleted","data":{{"object":{subject}}}}}')
    except EventRefused:
        pass
    except RecursionError:
        raised = True  # a traceback of thousands of frames takes a minute to report
    assert not raised


# ------------------------------------------------------------------------------ the secret's own shape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"secrets": []}', ()),
        ('{"secrets": ["whsec_placeholder"]}', ("whsec_placeholder",)),
        ('{"secrets": ["whsec_b", " whsec_a\\n"], "note": "x"}', ("whsec_b", "whsec_a")),
    ],
)
def test_the_secrets_are_the_texts_in_the_list(text: str, expected: tuple[str, ...]) -> None:
    assert webhook_secrets(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_placeholder",
        "{}",
        '{"secrets": null}',
        '{"secrets": 5}',
        "null",
        '{"secrets": ["whsec_a", 5]}',
    ],
)
def test_a_secret_of_another_shape_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        webhook_secrets(text)


@pytest.mark.parametrize(
    "text", ['{"secrets": "whsec_placeholder"}', '{"secrets": {"a": 1}}', '{"secrets": [" "]}']
)
def test_nothing_guessable_becomes_a_secret(text: str) -> None:
    try:
        secrets = webhook_secrets(text)
    except (ValueError, TypeError):
        return
    assert all(len(secret) >= 16 for secret in secrets)
    assert "w" not in secrets
