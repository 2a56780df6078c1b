"""An issuer's keys: which of them a token may be signed with, and when they are fetched."""

import io
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from mandates.api.issuer_keys import IssuerUnreadable, fetch_json
from mandates.core.token_claims import TokenRefused
from tests.unit.issuer import (
    ISSUER,
    JWKS_URL,
    NOW,
    Issuer,
    base64url,
    customer_claims,
    forged,
    published,
    refused,
    rsa_key,
    token,
)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


ALL_KEYS = ("rsa-1", "ec-1", "ec-384", "ec-521", "ed-1", "ed-448")
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


@pytest.mark.parametrize("key", ALL_KEYS)
@pytest.mark.parametrize("names_its_key", [True, False])
def test_keys_of_every_usual_kind(issuer: Issuer, key: str, names_its_key: bool) -> None:
    issuer.keys = [published(name) for name in ALL_KEYS]
    text = token(key=key, kid=key if names_its_key else ...)
    assert issuer.verifier().verify(text)[0].subject == "auth0|ann"


@pytest.mark.parametrize("algorithm", RSA_ALGORITHMS)
@pytest.mark.parametrize("says", [..., "itself", None])
def test_an_rsa_key_verifies_what_it_is_for(issuer: Issuer, algorithm: str, says: Any) -> None:
    issuer.keys = [published("rsa-1", alg=algorithm if says == "itself" else says)]
    assert issuer.verifier().verify(token(alg=algorithm))[0].subject == "auth0|ann"


@pytest.mark.parametrize("algorithm", RSA_ALGORITHMS)
def test_a_key_verifies_nothing_else_than_its_issuer_says(issuer: Issuer, algorithm: str) -> None:
    for other in {*RSA_ALGORITHMS, "RSA-OAEP", "HS256", "none", "ES256", "", 5, ("RS256",)} - {algorithm}:
        issuer.keys = [published("rsa-1", alg=list(other) if isinstance(other, tuple) else other)]
        assert "a key its issuer does not have" in refused(issuer, token(alg=algorithm))


def test_one_key_id_may_stand_for_a_key_of_each_algorithm(issuer: Issuer) -> None:
    issuer.keys = [
        published("ec-1", kid="one"),
        published("rsa-2", kid="one", alg="PS256"),
        published("rsa-1", kid="one", alg="RS256"),
    ]
    verifier = issuer.verifier()
    assert verifier.verify(token(kid="one"))
    assert verifier.verify(token(key="rsa-2", kid="one", alg="PS256"))
    assert verifier.verify(token(key="ec-1", kid="one"))
    with pytest.raises(TokenRefused):
        verifier.verify(token(key="rsa-2", kid="one"))


def test_two_keys_may_have_one_id(issuer: Issuer) -> None:
    issuer.keys = [published("rsa-2", kid="one"), published("rsa-1", kid="one")]
    assert issuer.verifier().verify(token(kid="one"))
    assert issuer.verifier().verify(token(key="rsa-2", kid="one"))


def test_a_curve_is_part_of_the_algorithm(issuer: Issuer) -> None:
    """ES256 with a key on P-384, though its issuer calls that ES256, too."""
    issuer.keys = [published("ec-384", alg="ES256"), published("ec-384", kid="ec-1")]
    for kid in ("ec-384", "ec-1", ...):
        assert "a key its issuer does not have" in refused(issuer, token(key="ec-1", kid=kid))


@pytest.mark.parametrize("said", [{"key_ops": ["verify"]}, {"use": ...}, {"use": None}, {"key_ops": ...}])
def test_a_key_is_for_signatures_unless_its_issuer_says_otherwise(
    issuer: Issuer, said: dict[str, Any]
) -> None:
    issuer.keys = [published("rsa-1", **said)]
    assert issuer.verifier().verify(token())


@pytest.mark.parametrize(
    "said", [{"use": "enc"}, {"use": ["sig"]}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"key_ops": []}]
)
def test_a_key_for_something_else_verifies_nothing(issuer: Issuer, said: dict[str, Any]) -> None:
    issuer.keys = [published("rsa-1", **said)]
    assert "a key its issuer does not have" in refused(issuer, token())


def test_a_key_that_was_published_whole_is_only_good_for_verifying(issuer: Issuer) -> None:
    private = RSAAlgorithm.to_jwk(rsa_key("rsa-1"), as_dict=True)
    issuer.keys = [{name: value for name, value in private.items() if name != "key_ops"} | {"kid": "rsa-1"}]
    assert issuer.verifier().verify(token())


def test_a_short_key_verifies_nothing(issuer: Issuer) -> None:
    """RFC 7518, section 3.3: 2048 bits or more."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    issuer.keys = [{**RSAAlgorithm.to_jwk(short.public_key(), as_dict=True), "kid": "short"}]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        text = jwt.encode(customer_claims(), short, "RS256", headers={"kid": "short", "typ": "at+jwt"})
    assert "InvalidKeyError" in refused(issuer, text)


# ------------------------------------------------------------------------------------------ fetching


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


def test_a_new_key_is_found_for_a_token_that_names_none(issuer: Issuer) -> None:
    """An issuer with one key and no ids changes it: the old one fits the header, and not the signature."""
    verifier = issuer.verifier()
    verifier.verify(token(kid=...))
    issuer.keys = [published("rsa-2")]
    issuer.now += 59
    with pytest.raises(TokenRefused, match="InvalidSignatureError"):
        verifier.verify(token(key="rsa-2", kid=...))
    issuer.now += 1
    assert verifier.verify(token(key="rsa-2", kid=...))
    for _ in range(10):
        with pytest.raises(TokenRefused, match="InvalidSignatureError"):
            verifier.verify(token(key="rsa-3", kid=...))
    assert len(issuer.asked) == 2


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


NO_KEY_SETS = [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, [], None, "x", 5]


@pytest.mark.parametrize("document", NO_KEY_SETS)
def test_a_jwks_that_is_none_is_our_failure_and_not_the_tokens(issuer: Issuer, document: Any) -> None:
    """A 401 would have every customer sign in again, in vain, and no alarm go off."""
    issuer.documents["https://odd.example/"] = document
    with pytest.raises(IssuerUnreadable, match="JSON Web Key Set"):
        issuer.verifier(oidc_jwks_url="https://odd.example/").verify(token())


@pytest.mark.parametrize("document", [{}, {"jwks_uri": None}, {"jwks_uri": ["x"]}, [], None, "x"])
def test_neither_is_a_discovery_document_without_an_address(issuer: Issuer, document: Any) -> None:
    issuer.documents[f"{ISSUER}/.well-known/openid-configuration"] = document
    with pytest.raises(IssuerUnreadable, match="jwks_uri"):
        issuer.verifier(oidc_jwks_url="").verify(token())


@pytest.mark.parametrize("document", NO_KEY_SETS)
def test_known_keys_go_on_while_the_issuer_answers_nonsense(issuer: Issuer, document: Any) -> None:
    address = "https://odd.example/"
    issuer.documents[address] = {"keys": issuer.keys}
    verifier = issuer.verifier(oidc_jwks_url=address)
    late = token(customer_claims(exp=NOW + 86_400))
    verifier.verify(late)
    issuer.documents[address] = document
    issuer.now += 7200
    assert verifier.verify(late)


def test_keys_that_are_of_no_use_are_passed_over(issuer: Issuer) -> None:
    issuer.keys = [
        *cast("list[dict[str, Any]]", [None, "rsa-1", 5, ["kty"], True, []]),
        {},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "broken", "n": 5, "e": None},
        {"kty": "RSA", "kid": "broken", "n": "AQAB"},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "broken", "crv": ["P-256"]},
        {"kty": "OKP", "kid": "broken", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": ["RSA"], "kid": "broken"},
        {"kty": "unheard-of", "kid": "new"},
        {"kid": "nothing"},
        published("rsa-2", kid=...),
        published("rsa-2", kid=5),
        published("rsa-2", use="enc", kid="encryption"),
        published("rsa-1", use=...),
    ]
    verifier = issuer.verifier()
    assert verifier.verify(token())
    for kid in ("broken", "new", "nothing", "", "5", "encryption"):
        with pytest.raises(TokenRefused, match="a key its issuer does not have"):
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

    def urlopen(_: object, address: str, timeout: float) -> io.BytesIO:
        calls.append((address, timeout))
        return io.BytesIO(b'{"keys": []}')

    monkeypatch.setattr("urllib.request.OpenerDirector.open", urlopen)
    return calls


@pytest.mark.parametrize(
    "address",
    [
        "https://issuer.example/jwks",
        "http://localhost:4566/jwks",
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
