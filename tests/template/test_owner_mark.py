"""What marks a stack's things at Stripe: its own by default, and the same wherever it is asked for."""

import re
from typing import Any

import pytest

from tests.template.stack import Stack, expand, raw, resolved

UNIQUE = "51af3dc0-da77-11e4-872e-1234567db123"
STACK_ID = f"arn:aws:cloudformation:eu-west-1:123456789012:stack/mandates-prod/{UNIQUE}"
"""As AWS::StackId is shown: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html"""

TEMPLATE = raw()


def marks(**given: str) -> list[Any]:
    """In every function's environment, in the webhook endpoint's properties, and in the outputs."""
    stack = Stack(expand(TEMPLATE))
    wherever = [function["Environment"]["Variables"]["OWNER_MARK"] for function in stack.functions.values()]
    wherever.append(stack.properties("StripeWebhookEndpoint")["OwnerMark"])
    wherever.append(stack.template["Outputs"]["OwnerMark"]["Value"])
    return [resolved(one, TEMPLATE, {"AWS::StackId": STACK_ID, **given}) for one in wherever]


@pytest.mark.parametrize(("given", "mark"), [("", UNIQUE), ("its-predecessors", "its-predecessors")])
def test_it_is_the_end_of_the_stacks_arn_unless_it_is_given(given: str, mark: str) -> None:
    found = marks(OwnerMark=given)
    assert len(found) > 10
    assert set(found) == {mark}


ALLOWED = re.compile(TEMPLATE["Parameters"]["OwnerMark"]["AllowedPattern"])


@pytest.mark.parametrize(
    "mark", ["", UNIQUE, "local-0123456789abcdef", "mandates-prod", "a" * 63, "12345678"]
)
def test_these_are_allowed(mark: str) -> None:
    assert ALLOWED.fullmatch(mark)


@pytest.mark.parametrize(
    "mark",
    [
        "Mandates-Prod",  # Stripe's search does not tell cases apart
        "it's-a-quote",
        'a"quotation"',
        "back\\slash",
        "with space",
        "under_score",
        "ünïcödé-mark",
        "line\nbreak",
        "-starts-with-one",
        "ends-with-one-",
        "a" * 64,
        "seven-7",
        " ",
    ],
)
def test_these_are_not(mark: str) -> None:
    """What would have to be escaped in a search, or could be another stack's too easily."""
    assert not ALLOWED.fullmatch(mark)
