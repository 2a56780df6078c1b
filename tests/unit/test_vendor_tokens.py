"""Tokens of every issuer that was looked at: who they let in, and as whom."""

from pathlib import Path
from typing import Any

import pytest

from mandates.api.callers import Caller
from mandates.core.token_claims import TokenRefused
from tests.unit.issuer import Issuer, published, token
from tests.unit.vendors import RECORDED, Customer, Recorded, Refused, Service


def verified(recorded: Recorded, *service_client_ids: str) -> Caller:
    # Entra's published keys have no `alg`.
    verifier = Issuer(keys=[published("rsa-1")]).verifier(
        **{"service_client_ids": frozenset(service_client_ids), **recorded.settings}
    )
    header = {"typ": ..., **recorded.header}
    return verifier.verify(token(recorded.claims, **header))[0]


def of_kind(kind: type[object]) -> list[Any]:
    return [
        pytest.param(recorded, recorded.expected, id=recorded.what)
        for recorded in RECORDED
        if isinstance(recorded.expected, kind)
    ]


@pytest.mark.parametrize(("recorded", "expected"), of_kind(Customer))
def test_a_users_access_token_is_a_customers(recorded: Recorded, expected: Customer) -> None:
    issuer = recorded.settings["oidc_issuer"]
    assert verified(recorded, "another") == Caller(expected.subject, issuer, False, frozenset())


@pytest.mark.parametrize(("recorded", "expected"), of_kind(Service))
def test_a_listed_clients_own_token_is_a_services(recorded: Recorded, expected: Service) -> None:
    issuer = recorded.settings["oidc_issuer"]
    caller = verified(recorded, "another", expected.client)
    assert caller == Caller(expected.subject, issuer, True, frozenset(expected.scopes))


@pytest.mark.parametrize(("recorded", "expected"), of_kind(Service))
def test_an_unlisted_clients_own_token_is_nobodys(recorded: Recorded, expected: Service) -> None:
    with pytest.raises(TokenRefused) as refused:
        verified(recorded, "another")
    without_subject = "its subject is not 1 to 255" if "sub" not in recorded.claims else ""
    assert str(refused.value).startswith(without_subject or "it is a client's own, and ServiceClientIds")


@pytest.mark.parametrize(("recorded", "expected"), of_kind(Refused))
def test_an_id_token_lets_nobody_in(recorded: Recorded, expected: Refused) -> None:
    for listed in ("another", *{str(recorded.claims.get(name)) for name in ("aud", "azp", "client_id")}):
        with pytest.raises(TokenRefused) as refused:
            verified(recorded, listed)
        assert str(refused.value).startswith(expected.reason)


@pytest.mark.parametrize("vendor", ["Cognito", "Auth0", "Okta", "Entra v1", "Entra v2", "Keycloak"])
def test_each_vendor_has_a_token_of_each_kind(vendor: str) -> None:
    kinds = {type(recorded.expected) for recorded in RECORDED if recorded.what.startswith(vendor)}
    assert kinds == {Customer, Service, Refused}


def test_the_documentation_names_each_vendors_page() -> None:
    deploying = (Path(__file__).parents[2] / "docs" / "deploying.md").read_text(encoding="utf-8")
    users = [recorded for recorded in RECORDED if isinstance(recorded.expected, Customer)]
    pages = {recorded.what.partition(",")[0]: recorded.page for recorded in reversed(users)}
    assert {vendor for vendor, page in pages.items() if f"]({page})" not in deploying} == set()
    assert len(pages) >= 8
