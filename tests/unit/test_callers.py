"""Who may reach what, and that nobody gets in without the authorizer."""

from typing import Any

import pytest

from mandates.api.callers import Caller, Scope, caller_of, to_context
from mandates.core.errors import InsufficientScope, NotFound, Unauthenticated

NOW = 1_790_000_000
ISSUER = "https://issuer.example"
ANN = Caller("auth0|ann", ISSUER, is_service=False, scopes=frozenset())
ANN_WITH_SCOPES = Caller("auth0|ann", ISSUER, is_service=False, scopes=frozenset(Scope))


def service(*scopes: str) -> Caller:
    return Caller("back-end", ISSUER, is_service=True, scopes=frozenset(scopes))


CONTEXT = to_context(ANN, NOW + 600)


@pytest.mark.parametrize("caller", [ANN, ANN_WITH_SCOPES])
@pytest.mark.parametrize("scope", Scope)
def test_customers_reach_their_own_things_and_scopes_do_not_matter(caller: Caller, scope: Scope) -> None:
    caller.must_reach("auth0|ann", scope)
    for other in ("auth0|bob", "", "auth0|ann ", "AUTH0|ANN", "auth0%7Cann", "back-end"):
        with pytest.raises(NotFound):
            caller.must_reach(other, scope)


@pytest.mark.parametrize("scope", Scope)
def test_a_service_reaches_everybody_within_its_scopes(scope: Scope) -> None:
    service(scope).must_reach("auth0|ann", scope)
    service(*Scope).must_reach("back-end", scope)
    others = [other for other in Scope if other is not scope]
    with pytest.raises(InsufficientScope, match=scope):
        service(*others).must_reach("auth0|ann", scope)


@pytest.mark.parametrize(
    "lacking", ["", "mandates", "mandates:*", "*", "MANDATES:READ", "mandates:read,charges:write"]
)
def test_a_scope_is_exactly_its_word(lacking: str) -> None:
    with pytest.raises(InsufficientScope):
        service(lacking).must_reach("auth0|ann", Scope.MANDATES_READ)


def test_a_service_cannot_consent_for_a_customer() -> None:
    assert ANN.must_be_customer() == "auth0|ann"
    with pytest.raises(InsufficientScope):
        service(*Scope).must_be_customer()


@pytest.mark.parametrize("scope", Scope)
def test_what_only_the_business_may_do_takes_a_service_with_the_scope(scope: Scope) -> None:
    service(scope).must_be_service(scope)
    with pytest.raises(InsufficientScope, match=f"use a service token with {scope}"):
        ANN.must_be_service(scope)
    with pytest.raises(InsufficientScope, match=f"lacks the scope {scope}"):
        service(*(other for other in Scope if other is not scope)).must_be_service(scope)


# --------------------------------------------------------------------------------- authorizer's context


@pytest.mark.parametrize("caller", [ANN, service(), service("mandates:read"), service(*Scope)])
def test_a_caller_comes_through_the_gateway_as_they_were(caller: Caller) -> None:
    context = to_context(caller, NOW + 600)
    assert all(isinstance(value, str) for value in context.values())
    assert caller_of({**context, "principalId": "x", "integrationLatency": 5}, NOW) == caller


def test_expiry_is_checked_again() -> None:
    assert caller_of(CONTEXT, NOW + 599.999) == ANN
    for later in (600, 600.001, 7200):
        with pytest.raises(Unauthenticated):
            caller_of(CONTEXT, NOW + later)


@pytest.mark.parametrize("context", [None, {}])
def test_without_an_authorizer_nobody_gets_in(context: Any) -> None:
    with pytest.raises(Unauthenticated):
        caller_of(context, NOW)


@pytest.mark.parametrize("name", CONTEXT)
def test_a_context_with_anything_missing_lets_nobody_in(name: str) -> None:
    with pytest.raises(Unauthenticated):
        caller_of({key: value for key, value in CONTEXT.items() if key != name}, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ""},
        {"kind": "admin"},
        {"kind": "Service"},
        {"kind": True},
        {"subject": ""},
        {"expires_at": ""},
        {"expires_at": "never"},
        {"expires_at": "nan"},
        {"expires_at": "1e99"},
        {"expires_at": "-1"},
    ],
)
def test_an_odd_context_lets_nobody_in(change: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        caller_of({**CONTEXT, **change}, NOW)


@pytest.mark.parametrize("change", [{"expires_at": None}, {"expires_at": []}, {"kind": ["service"]}])
def test_neither_does_one_of_other_types(change: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        caller_of({**CONTEXT, **change}, NOW)
