"""Bearer tokens: who gets in as whom, and the many who don't."""

import io
import json
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest

from mandates import tokens
from mandates.caller import Caller
from mandates.tokens import LEEWAY_SECONDS, MAX_TOKEN_LENGTH, TokenRefused, fetch_json
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
    rsa_key,
    token,
)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def refused(issuer: Issuer, text: str, **settings: Any) -> str:
    with pytest.raises(TokenRefused) as error:
        issuer.verifier(**settings).verify(text)
    return str(error.value)


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


def test_a_client_id_may_be_called_azp(issuer: Issuer) -> None:
    claims = customer_claims(sub="back-end", client_id=..., azp="back-end", scope="mandates:read")
    assert issuer.verifier().verify(token(claims))[0].is_service


def test_client_id_goes_before_azp(issuer: Issuer) -> None:
    claims = customer_claims(client_id="storefront", azp="back-end")
    assert not issuer.verifier().verify(token(claims))[0].is_service


def test_nobody_is_a_service_by_subject_or_without_a_client_id(issuer: Issuer) -> None:
    for claims in (
        customer_claims(sub="back-end"),
        customer_claims(client_id=..., scope="charges:write"),
        customer_claims(client_id=""),
        customer_claims(client_id=["back-end"]),
        customer_claims(client_id="Back-End"),
    ):
        caller, _ = issuer.verifier().verify(token(claims))
        assert not caller.is_service
        assert caller.scopes == frozenset()


@pytest.mark.parametrize(
    ("prefix", "claim", "expected"),
    [
        ("", {"scope": "mandates:read mandates:write"}, {"mandates:read", "mandates:write"}),
        ("", {"scope": ""}, set()),
        ("", {"scope": "  mandates:read  "}, {"mandates:read"}),
        ("", {"scope": ["mandates:read", "charges:write"]}, {"mandates:read", "charges:write"}),
        ("", {"scope": ..., "scp": "mandates:read"}, {"mandates:read"}),
        ("", {"scope": ..., "scp": ["mandates:read"]}, {"mandates:read"}),
        ("", {"scope": ...}, set()),
        ("", {"scope": "mandates:read", "scp": "charges:write"}, {"mandates:read"}),
        ("shop/", {"scope": "shop/mandates:read openid other/charges:write"}, {"mandates:read"}),
        ("shop/", {"scope": "mandates:read"}, set()),
        ("shop/", {"scope": "shop/shop/mandates:read"}, {"shop/mandates:read"}),
        ("https://api.example/", {"scope": "https://api.example/charges:write"}, {"charges:write"}),
    ],
)
def test_scopes_are_those_behind_the_prefix(
    issuer: Issuer, prefix: str, claim: dict[str, Any], expected: set[str]
) -> None:
    claims = customer_claims(sub="back-end", client_id="back-end", **claim)
    caller, _ = issuer.verifier(scope_prefix=prefix).verify(token(claims))
    assert caller.scopes == expected


@pytest.mark.parametrize("key", ["rsa-1", "ec-1", "ed-1"])
def test_keys_of_every_usual_kind(issuer: Issuer, key: str) -> None:
    issuer.keys = [published("rsa-1"), published("ec-1"), published("ed-1")]
    assert issuer.verifier().verify(token(key=key))[0].subject == "auth0|ann"


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
    return jwt.PyJWS().encode(claims, rsa_key("rsa-1"), "RS256", headers={"kid": "rsa-1"})


@pytest.mark.parametrize("name", ["exp", "nbf"])
@pytest.mark.parametrize("value", ["soon", "1790000600", None, True, [], {}])
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
        (customer_claims(sub=...), "MissingRequiredClaimError"),
        (customer_claims(aud="https://other.example"), "another audience"),
        (customer_claims(aud=[]), "another audience"),
        (customer_claims(aud=["https://other.example"]), "another audience"),
        (customer_claims(aud=None), "another audience"),
        (customer_claims(aud=""), "another audience"),
        (customer_claims(aud=AUDIENCE + "/"), "another audience"),
        (customer_claims(aud="https://other.example", client_id="app-client"), "another audience"),
        (cognito_claims(client_id="other-app"), "another audience"),
        (cognito_claims(client_id=...), "another audience"),
        (cognito_claims(token_use="id", aud="app-client", client_id=...), "not an access token"),
        (cognito_claims(token_use="id"), "not an access token"),
        (cognito_claims(token_use="refresh"), "not an access token"),
        (cognito_claims(token_use=None), "not an access token"),
        (cognito_claims(token_use=["access"]), "not an access token"),
        (customer_claims(at_hash="x"), "not an access token"),
        (customer_claims(c_hash="x"), "not an access token"),
        (customer_claims(at_hash=None), "not an access token"),
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
def test_a_token_that_names_no_key_is_refused(issuer: Issuer, kid: Any) -> None:
    assert refused(issuer, forged({"alg": "RS256", "kid": kid}, customer_claims(), b"x"))
    assert refused(issuer, forged({"alg": "RS256"}, customer_claims(), b"x")) == "it names no key"
    assert issuer.asked == []


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


# ------------------------------------------------------------------------------------------ keys


def test_the_keys_are_fetched_once(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    for _ in range(3):
        verifier.verify(token())
    assert issuer.asked == [JWKS_URL]


def test_a_key_added_later_is_found(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    verifier.verify(token())
    issuer.keys.append(published("rsa-2"))
    issuer.now += 60
    assert verifier.verify(token(key="rsa-2"))
    assert len(issuer.asked) == 2


def test_an_unknown_key_makes_us_look_at_most_once_a_minute(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    verifier.verify(token())
    for _ in range(300):
        with pytest.raises(TokenRefused, match="a key its issuer does not have"):
            verifier.verify(token(kid="unknown"))
        issuer.now += 1
    assert len(issuer.asked) == 5  # 300 s: at 0 and then each full minute


def test_a_clock_that_was_set_back_keeps_no_new_key_out(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    verifier.verify(token())
    issuer.keys = [published("rsa-1"), published("rsa-2")]
    issuer.now -= 1800
    assert verifier.verify(token(key="rsa-2"))


def test_a_key_that_was_taken_back_is_refused_within_the_hour(issuer: Issuer) -> None:
    issuer.keys = [published("rsa-1"), published("rsa-2")]
    verifier = issuer.verifier()
    late = customer_claims(exp=NOW + 86_400)
    verifier.verify(token(late))
    issuer.keys = [published("rsa-2")]
    issuer.now += 3599
    assert verifier.verify(token(late))
    issuer.now += 1
    with pytest.raises(TokenRefused, match="a key its issuer does not have"):
        verifier.verify(token(late))
    assert verifier.verify(token(late, key="rsa-2"))


def test_a_key_that_was_taken_back_is_refused_at_once_when_a_new_one_shows_up(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    verifier.verify(token())
    issuer.keys = [published("rsa-2")]
    issuer.now += 60
    verifier.verify(token(key="rsa-2"))
    with pytest.raises(TokenRefused, match="a key its issuer does not have"):
        verifier.verify(token())


def test_known_keys_go_on_while_the_issuer_is_down(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    late = token(customer_claims(exp=NOW + 86_400))
    verifier.verify(late)
    issuer.is_down = True
    issuer.now += 7200
    for _ in range(3):
        assert verifier.verify(late)
    assert len(issuer.asked) == 2  # the outage is noticed once a minute
    issuer.is_down = False
    issuer.now += 60
    assert verifier.verify(late)
    assert len(issuer.asked) == 3


def test_a_cold_start_while_the_issuer_is_down_is_our_failure_and_not_the_tokens(issuer: Issuer) -> None:
    issuer.is_down = True
    verifier = issuer.verifier()
    for _ in range(2):
        with pytest.raises(OSError, match="out of reach"):
            verifier.verify(token())
    issuer.is_down = False
    assert verifier.verify(token())


def test_an_unknown_key_asks_an_issuer_that_is_down_at_most_once_a_minute(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    verifier.verify(token())
    issuer.is_down = True
    issuer.now += 60
    for _ in range(10):
        with pytest.raises((TokenRefused, OSError)):
            verifier.verify(token(kid="unknown"))
    assert len(issuer.asked) == 2


@pytest.mark.parametrize("document", [{}, {"keys": None}, [], None, "x"])
def test_a_jwks_that_is_none_is_our_failure_and_not_the_tokens(issuer: Issuer, document: Any) -> None:
    issuer.documents["https://odd.example/"] = document
    with pytest.raises((KeyError, TypeError, AttributeError)):
        issuer.verifier(oidc_jwks_url="https://odd.example/").verify(token())


def test_keys_that_are_of_no_use_are_passed_over(issuer: Issuer) -> None:
    issuer.keys = [
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "unheard-of", "kid": "new"},
        {"kid": "nothing"},
        published("rsa-2", kid=...),
        published("rsa-2", kid=""),
        published("rsa-2", use="enc", kid="encryption"),
        published("rsa-1", use=...),
    ]
    verifier = issuer.verifier()
    assert verifier.verify(token())
    for kid in ("broken", "new", "nothing", "", "encryption"):
        with pytest.raises(TokenRefused):
            verifier.verify(token(key="rsa-2", kid=kid))


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_a_symmetric_key_is_of_no_use_either(issuer: Issuer, algorithm: str) -> None:
    secret = b"0123456789abcdef0123456789abcdef"
    issuer.keys.append({"kty": "oct", "kid": "shared", "k": base64url(secret)})
    assert refused(issuer, forged({"alg": algorithm, "kid": "shared"}, customer_claims(), secret))


@pytest.mark.parametrize("oidc_issuer", [ISSUER, f"{ISSUER}/", f"{ISSUER}/pool"])
def test_without_an_address_the_keys_are_found_by_discovery(issuer: Issuer, oidc_issuer: str) -> None:
    discovery = f"{oidc_issuer.rstrip('/')}/.well-known/openid-configuration"
    issuer.documents[discovery] = {"issuer": oidc_issuer, "jwks_uri": JWKS_URL}
    verifier = issuer.verifier(oidc_jwks_url="", oidc_issuer=oidc_issuer)
    caller, _ = verifier.verify(token(customer_claims(iss=oidc_issuer)))
    assert caller.issuer == oidc_issuer
    assert issuer.asked == [discovery, JWKS_URL]


# ------------------------------------------------------------- signed by the issuer, and odd all the same


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": 5},
        {"aud": [["x"]]},
        {"aud": [{"x": 1}]},
        {"client_id": "back-end", "scope": None},
        {"client_id": "back-end", "scope": 5},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": float("inf")},
    ],
    ids=str,
)
def test_odd_claims_are_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    text = raw_token(json.dumps({**customer_claims(), **claims}).encode())
    try:
        issuer.verifier().verify(text)
    except TokenRefused:
        return
    except (TypeError, ValueError, OverflowError) as error:
        pytest.fail(f"raised {type(error).__name__}")
    assert "scope" in claims  # a scope of null may also mean none


def test_an_audience_is_no_object(issuer: Issuer) -> None:
    claims = {**customer_claims(), "aud": {AUDIENCE: False}}
    refused(issuer, raw_token(json.dumps(claims).encode()))


def test_half_a_surrogate_pair_is_no_token(issuer: Issuer) -> None:
    refused(issuer, "\ud800.e30.x")


# -------------------------------------------------------------------------------------- fetch_json


@pytest.mark.parametrize(
    "address",
    [
        "http://issuer.example/jwks",
        "http://10.0.0.1/jwks",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost.evil.example/jwks",
        "http://host.docker.internal.evil.example/jwks",
        "http://docker.internal/jwks",
        "http://127.0.0.1.evil.example/jwks",
        "http://localhost@evil.example/jwks",
        "http://127.0.0.2/jwks",
        "http:///jwks",
        "http:localhost/jwks",
        "file:///etc/passwd",
        "ftp://issuer.example/jwks",
        "data:application/json,{}",
        "issuer.example/jwks",
        "",
    ],
)
def test_keys_are_fetched_over_tls_or_from_this_machine(address: str) -> None:
    with pytest.raises(ValueError, match="https"):
        fetch_json(address)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    calls: list[tuple[str, float]] = []

    def urlopen(address: str, timeout: float) -> io.BytesIO:
        calls.append((address, timeout))
        return io.BytesIO(b'{"keys": []}')

    monkeypatch.setattr(tokens._opener(), "open", urlopen)
    return calls


@pytest.mark.parametrize(
    "address",
    [
        "https://issuer.example/jwks",
        "HTTPS://issuer.example/jwks",
        "http://localhost:4566/jwks",
        "http://LOCALHOST/jwks",
        "http://127.0.0.1:4566/jwks",
        "http://[::1]:4566/jwks",
        "http://host.docker.internal:4566/jwks",
    ],
)
def test_other_addresses_are_read_with_a_time_out(opened: list[tuple[str, float]], address: str) -> None:
    assert fetch_json(address) == {"keys": []}
    assert [(address, 3)] == opened


class Redirecting(BaseHTTPRequestHandler):
    """Sends whoever asks on, to the same machine by a name that is not on our list."""

    def do_GET(self) -> None:
        if self.path == "/jwks":
            self.send_response(302)
            self.send_header("Location", f"http://127.1:{self.headers['Host'].partition(':')[2]}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def redirecting() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks"
        server.shutdown()
        thread.join()


def test_a_redirect_is_not_followed(redirecting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(urllib.error.HTTPError, match="302") as refused:
        fetch_json(redirecting)
    refused.value.close()
