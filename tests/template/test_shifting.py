"""The role with which CodeDeploy moves aliases: those of this stack's functions, and no others."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.template.stack import ALIAS, Stack, expand, listed, raw

MOVES = "lambda:UpdateAlias"


def may_shift(stack: Stack) -> set[str]:
    """What the role's statement names, as it stands in the template; under a condition or not."""
    (policy,) = stack.properties("ShiftTrafficRole")["Policies"]
    named = [
        resource
        for statement in policy["PolicyDocument"]["Statement"]
        if MOVES in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    return {
        resource if isinstance(resource, str) else resource["Fn::Sub"]
        for resource in (
            one["Fn::If"][1] if isinstance(one, dict) and "Fn::If" in one else one for one in named
        )
    }


def with_its_aliases(functions: Iterable[str]) -> set[str]:
    return {f"${{{function}.Arn}}*" for function in functions}


def problems(stack: Stack) -> list[str]:
    shifted = [
        function for function in stack.functions if "UpdatePolicy" in stack.resources[f"{function}{ALIAS}"]
    ]
    allowed = may_shift(stack)
    return [
        *(f"{missing} can't be shifted" for missing in with_its_aliases(shifted) - allowed),
        *(f"{other} may be shifted too" for other in allowed - with_its_aliases(stack.functions)),
    ]


@pytest.fixture
def stack() -> Stack:
    return Stack(expand(raw(), ShiftTraffic="true"))


def test_codedeploy_may_shift_what_it_shifts_and_nothing_of_another_stack(stack: Stack) -> None:
    assert len(may_shift(stack)) >= 10
    assert problems(stack) == []


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda named: named.pop(0), "can't be shifted"),
        (lambda named: named.append("*"), "may be shifted too"),
        (
            lambda named: named.append({"Fn::Sub": "arn:aws:lambda:x:1:function:${AWS::StackName}-*"}),
            "may be",
        ),
    ],
)
def test_that_can_fail(stack: Stack, spoil: Callable[[list[Any]], object], found: str) -> None:
    (policy,) = stack.properties("ShiftTrafficRole")["Policies"]
    spoil(policy["PolicyDocument"]["Statement"][0]["Resource"])
    assert any(found in problem for problem in problems(stack))
