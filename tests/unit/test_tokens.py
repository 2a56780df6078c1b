"""Bearer tokens: who gets in as whom, and the many who don't."""

import json
from typing import Any

import pytest

from mandates.api.callers import Caller
from mandates.api.tokens import LATEST, LEEWAY_SECONDS, MAX_TOKEN_LENGTH
from mandates.core.token_claims import TokenRefused
from tests.unit.issuer import (
    AUDIENCE,
    ISSUER,
    JWKS_URL,
    NOW,
    Issuer,
    base64url,
    cognito_claims,
    customer_claims,
    forged,
    public_pem,
    published,
    refused,
    signed,
    token,
)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


# ------------------------------------------------------------------------------------- who gets in


def test_a_customer_is_their_subject_and_has_no_scopes(issuer: Issuer) -> None:
    caller, expires_at = issuer.verifier().verify(token())
    assert caller == Caller("auth0|ann", ISSUER, is_service=False, scopes=frozenset())
    assert expires_at == NOW + 600 + LEEWAY_SECONDS


def test_a_cognito_customer_is_let_in_by_client_id(issuer: Issuer) -> None:
    caller, _ = issuer.verifier().verify(token(cognito_claims()))
    assert caller == Caller("auth0|ann", ISSUER, is_service=False, scopes=frozenset())


def test_a_service_is_its_client_id_and_has_its_scopes(issuer: Issuer) -> None:
    claims = customer_claims(sub="back-end", client_id="back-end", scope="mandates:read charges:write")
    caller, _ = issuer.verifier().verify(token(claims))
    assert caller == Caller(
        "back-end", ISSUER, is_service=True, scopes=frozenset({"mandates:read", "charges:write"})
    )


@pytest.mark.parametrize(
    "subject", ["a", "a" * 255, "auth0|ann", "ann smith", "ånn", "安", "a/b?c#d%2F", "😀"]
)
def test_subjects_of_1_to_255_printable_characters(issuer: Issuer, subject: str) -> None:
    assert issuer.verifier().verify(token(customer_claims(sub=subject)))[0].subject == subject


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
def test_an_audience_may_be_one_of_a_list(issuer: Issuer, audience: Any) -> None:
    assert issuer.verifier().verify(token(customer_claims(aud=audience)))


# ---------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("claims", "later"),
    [
        ({"exp": NOW}, LEEWAY_SECONDS - 0.001),
        ({"exp": NOW + 0.9}, 0),
        ({"nbf": NOW + LEEWAY_SECONDS}, 0),
        ({"nbf": NOW - 1}, 0),
        ({"iat": NOW + 3600}, 0),
        ({"iat": ...}, 0),
    ],
)
def test_clocks_may_differ_a_little(issuer: Issuer, claims: dict[str, Any], later: float) -> None:
    issuer.now = NOW + later
    assert issuer.verifier().verify(token(customer_claims(**claims)))


@pytest.mark.parametrize("later", [LEEWAY_SECONDS, LEEWAY_SECONDS + 0.001, 3600])
def test_an_expired_token_is_refused(issuer: Issuer, later: float) -> None:
    issuer.now = NOW + later
    assert refused(issuer, token(customer_claims(exp=NOW))) == "it has expired"


@pytest.mark.parametrize("ahead", [LEEWAY_SECONDS + 1, 3600])
def test_a_token_that_is_not_valid_yet_is_refused(issuer: Issuer, ahead: int) -> None:
    assert refused(issuer, token(customer_claims(nbf=NOW + ahead))) == "it is not valid yet"


def raw_token(claims: bytes) -> str:
    """Properly signed claims that jwt.encode would not write."""
    return signed({"typ": "at+jwt"}, claims)


@pytest.mark.parametrize("name", ["exp", "nbf"])
@pytest.mark.parametrize(
    "value",
    ["soon", "1790000600", None, True, [], {}, int("9" * 400), -int("9" * 400), LATEST + 1, 1e300],
    ids=lambda value: str(value)[:12],
)
def test_a_time_that_is_not_a_number_is_refused(issuer: Issuer, name: str, value: Any) -> None:
    claims = {**customer_claims(), name: value}
    assert refused(issuer, raw_token(json.dumps(claims).encode()))


# ------------------------------------------------------------------------------------- who does not


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (customer_claims(iss="https://evil.example"), "InvalidIssuerError"),
        (customer_claims(iss=f"{ISSUER}/"), "InvalidIssuerError"),
        (customer_claims(iss=f"{ISSUER}.evil.example"), "InvalidIssuerError"),
        (customer_claims(iss=...), "MissingRequiredClaimError"),
        (customer_claims(exp=...), "MissingRequiredClaimError"),
        (customer_claims(sub=...), "1 to 255 printable"),
        (customer_claims(sub=None), "1 to 255 printable"),
        (customer_claims(aud="https://other.example"), "another audience"),
        (customer_claims(aud=[]), "another audience"),
        (customer_claims(aud=["https://other.example"]), "another audience"),
        (customer_claims(aud=None), "another audience"),
        (customer_claims(aud=""), "another audience"),
        (customer_claims(aud=AUDIENCE + "/"), "another audience"),
        (customer_claims(aud="https://other.example", client_id="app-client"), "another audience"),
        (cognito_claims(client_id="other-app"), "another audience"),
        (cognito_claims(client_id=...), "another audience"),
        (cognito_claims(client_id=..., azp="app-client"), "another audience"),
        (cognito_claims(aud="https://other.example"), "another audience"),
        (customer_claims(sub=""), "1 to 255 printable"),
        (customer_claims(sub="a" * 256), "1 to 255 printable"),
        (customer_claims(sub="a\n"), "1 to 255 printable"),
        (customer_claims(sub="a\x00b"), "1 to 255 printable"),
        (customer_claims(sub="a\u202eb"), "1 to 255 printable"),
        (customer_claims(sub="a\u200bb"), "1 to 255 printable"),
        (customer_claims(sub="\x7f"), "1 to 255 printable"),
    ],
)
def test_a_token_with_these_claims_is_refused(issuer: Issuer, claims: dict[str, Any], reason: str) -> None:
    assert reason in refused(issuer, token(claims))


@pytest.mark.parametrize("claims", [b"", b"[]", b"5", b"null", b"not json", b'"x"', b"\xff", b"{" * 5000])
def test_claims_that_are_no_object_are_refused(issuer: Issuer, claims: bytes) -> None:
    assert refused(issuer, raw_token(claims))


@pytest.mark.parametrize("subject", [5, None, ["auth0|ann"], {"a": 1}, True])
def test_a_subject_that_is_not_text_is_refused(issuer: Issuer, subject: Any) -> None:
    assert refused(issuer, raw_token(json.dumps({**customer_claims(), "sub": subject}).encode()))


# ---------------------------------------------------------------------------------------- forgeries

HEADER = {"typ": "JWT", "kid": "rsa-1"}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, ["RS256"], {"a": 1}])
@pytest.mark.parametrize("secret", [None, b"", b"x"])
def test_an_unsigned_token_is_refused(issuer: Issuer, algorithm: Any, secret: bytes | None) -> None:
    assert refused(issuer, forged({**HEADER, "alg": algorithm}, customer_claims(), secret))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "hs256"])
def test_the_public_key_is_no_shared_secret(issuer: Issuer, algorithm: str) -> None:
    """Algorithm confusion: an HMAC made with what everybody can read."""
    for secret in (
        public_pem("rsa-1"),
        public_pem("rsa-1").strip(),
        json.dumps(published("rsa-1")).encode(),
        str(published("rsa-1")["n"]).encode(),
        b"",
    ):
        text = forged({**HEADER, "alg": algorithm}, customer_claims(), secret)
        assert "algorithm is not one we accept" in refused(issuer, text)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "ES256", "EdDSA", "PS256"])
def test_an_hmac_under_another_name_is_refused(issuer: Issuer, algorithm: str) -> None:
    text = forged({**HEADER, "alg": algorithm}, customer_claims(), public_pem("rsa-1"))
    assert refused(issuer, text)


def test_a_key_the_token_brings_along_is_not_believed(issuer: Issuer) -> None:
    mine = published("rsa-2", kid="rsa-1")
    for brought in ({"jwk": mine}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/x5u"}):
        assert refused(issuer, token(key="rsa-2", kid="rsa-1", **brought))
    assert set(issuer.asked) == {JWKS_URL}


def test_a_token_of_another_key_is_refused(issuer: Issuer) -> None:
    assert "InvalidSignatureError" in refused(issuer, token(key="rsa-2", kid="rsa-1"))
    issuer.keys.append(published("rsa-2"))
    assert "InvalidSignatureError" in refused(issuer, token(key="rsa-2", kid="rsa-1"))


def test_a_token_of_another_kind_of_key_is_refused(issuer: Issuer) -> None:
    issuer.keys.append(published("ec-1"))
    assert refused(issuer, token(key="ec-1", kid="rsa-1"))
    assert refused(issuer, token(key="rsa-1", kid="ec-1"))


@pytest.mark.parametrize("kid", [None, 5, ["rsa-1"], {"kid": "rsa-1"}, True])
def test_a_key_id_that_is_not_text_is_refused(issuer: Issuer, kid: Any) -> None:
    assert refused(issuer, forged({"alg": "RS256", "kid": kid}, customer_claims(), b"x"))
    assert issuer.asked == []


def test_a_token_may_name_no_key(issuer: Issuer) -> None:
    for keys in (["rsa-1"], ["ec-1", "rsa-2", "rsa-1"]):
        issuer.keys = [published(name) for name in keys]
        assert issuer.verifier().verify(token(kid=...))
        issuer.keys = [published(name, kid=...) for name in keys]
        assert issuer.verifier().verify(token(kid=...))
    issuer.keys = [published("rsa-2"), published("ec-1")]
    assert "InvalidSignatureError" in refused(issuer, token(kid=...))
    assert "InvalidSignatureError" in refused(issuer, forged({"alg": "RS256"}, customer_claims(), b"x"))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_any_character_altered_is_refused(issuer: Issuer, part: int) -> None:
    verifier = issuer.verifier()
    parts = token().split(".")
    for position, character in enumerate(parts[part]):
        altered = list(parts)
        other = "A" if character != "A" else "B"
        altered[part] = parts[part][:position] + other + parts[part][position + 1 :]
        with pytest.raises(TokenRefused):
            verifier.verify(".".join(altered))


def test_a_payload_of_ones_own_is_refused(issuer: Issuer) -> None:
    head, _, signature = token().split(".")
    assert refused(issuer, f"{head}.{base64url(customer_claims(sub='auth0|bob'))}.{signature}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "Bearer x",
        " ",
        "é.é.é",
        "\x00",
        "a" * 100,
        "e30.e30.",
        "null.null.null",
    ],
)
def test_what_is_no_token_is_refused(issuer: Issuer, text: str) -> None:
    assert refused(issuer, text)
    assert issuer.asked == []


@pytest.mark.parametrize(
    "change", [lambda text: text + ".", lambda text: text + ".e30", lambda text: text + "="]
)
def test_a_token_with_something_added_is_refused(issuer: Issuer, change: Any) -> None:
    assert refused(issuer, change(token()))


def test_a_token_that_is_too_long_is_refused_before_it_is_read(issuer: Issuer) -> None:
    longest = token(customer_claims(padding="x" * 11_000))
    assert 14_000 < len(longest) <= MAX_TOKEN_LENGTH
    assert issuer.verifier().verify(longest)
    assert refused(issuer, token(customer_claims(padding="x" * 13_000))) == "it is too long"
    assert refused(issuer, "x" * (MAX_TOKEN_LENGTH + 1)) == "it is too long"


def test_a_refusal_never_shows_the_token(issuer: Issuer) -> None:
    for text in (token(customer_claims(exp=1)), token(key="rsa-2", kid="rsa-1"), token(kid="other")):
        message = refused(issuer, text)
        assert not any(part in message for part in text.split("."))
        assert "auth0|ann" not in message


# ------------------------------------------------------------- signed by the issuer, and odd all the same


@pytest.mark.parametrize(
    "claims",
    [{"aud": 5}, {"aud": [["x"]]}, {"aud": [{"x": 1}]}, {"exp": float("nan")}, {"exp": float("inf")}],
    ids=str,
)
def test_odd_claims_are_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert refused(issuer, raw_token(json.dumps({**customer_claims(), **claims}).encode()))


BOMBS = [
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b"[" * 5000,
    b'{"exp":' + b"9" * 5000 + b"}",
    b'{"exp":1e999}',
    b'{"a":"\\ud800","a":' + b"1" * 4301 + b"}",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_what_json_itself_chokes_on_is_refused(issuer: Issuer, bomb: bytes) -> None:
    assert refused(issuer, raw_token(bomb))
    assert refused(issuer, f"{base64url(bomb)}.e30.e30")


def test_an_audience_is_no_object(issuer: Issuer) -> None:
    claims = {**customer_claims(), "aud": {AUDIENCE: False}}
    refused(issuer, raw_token(json.dumps(claims).encode()))


def test_half_a_surrogate_pair_is_no_token(issuer: Issuer) -> None:
    refused(issuer, "\ud800.e30.x")
