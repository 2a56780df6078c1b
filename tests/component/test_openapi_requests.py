"""What openapi.yaml says of requests: who may make them, with which path and query, and with no body at all.

Bodies and answers: test_openapi.py.
"""

import re
from typing import Any
from urllib.parse import quote

import pytest

from mandates.api.callers import Scope
from mandates.core.ids import is_printable_id
from tests.component.test_openapi import (
    A_RETURN,
    BACK_END,
    CHECKOUT,
    CONTRACT,
    EVIDENCE,
    EVIDENCE_PDF,
    GET_MANDATE,
    LIST_CHARGES,
    LIST_MANDATES,
    LIST_NOTICES,
    OF_A_DAY,
    ONLY_CUSTOMERS,
    RETURN,
    VALID,
    WEBHOOK,
    WITH_BODY,
    send,
    subject_of,
)
from tests.component.world import STRANGER, World, customer, service

WITH_PATH = [name for name in CONTRACT.operations if "{" in name]
WITH_TOKEN = [name for name, one in CONTRACT.operations.items() if one.get("security") != []]


def body_for(world: World, operation: str) -> Any:
    return VALID[operation](world) if operation in WITH_BODY else None


# --------------------------------------------------------------------------------------- no body


@pytest.mark.parametrize("operation", WITH_BODY)
def test_a_body_may_be_left_out_where_the_document_says_so(world: World, operation: str) -> None:
    subject = subject_of(world, operation)
    if operation == WEBHOOK:
        answer = world.post_webhook("")
    else:
        caller = customer() if operation in ONLY_CUSTOMERS else BACK_END
        answer = send(world, operation, subject, caller=caller)
    required = CONTRACT.operations[operation]["requestBody"]["required"]
    assert (answer.status in {400, 415}) is required
    assert (answer.status in {200, 201}) is not required


# ------------------------------------------------------------------------------------------ paths


def path_schema(operation: str) -> dict[str, Any]:
    item = CONTRACT.document["paths"][operation.partition(" ")[2]]
    parameters = [CONTRACT.resolved(one) for one in item["parameters"]]
    (parameter,) = (one for one in parameters if one["in"] == "path")
    schema: dict[str, Any] = parameter["schema"]
    return schema


HIDDEN = "\x00\n\x1b\x7f\x85\xa0\xad\u061c\u200b\u200e\u2028\u202e\u2066\u3000\ufeff"

PATHS = [
    *("x" * length for length in (0, 1, 255, 256)),
    *("auth0|ann", "ann smith", "ånn", "安", "😀", "a/b?c#d", "100%"),
    *(f"a{character}b" for character in HIDDEN),
]


@pytest.mark.parametrize("operation", WITH_PATH)
def test_the_document_takes_the_paths_that_the_handler_takes(world: World, operation: str) -> None:
    caller = customer() if operation in ONLY_CUSTOMERS else BACK_END
    body = A_RETURN if operation == RETURN else {}
    for path in PATHS:
        answer = send(world, operation, quote(path, safe=""), caller=caller, body=body)
        documented = not CONTRACT.against(path_schema(operation), path)
        assert (answer.status != 400) is documented, repr(path)


def test_the_documents_pattern_is_the_codes_for_every_character() -> None:
    schema = CONTRACT.document["components"]["schemas"]["PathId"]
    taken = re.compile(schema["pattern"])
    differing = [
        hex(number)
        for number in range(0x110000)
        if not 0xD800 <= number <= 0xDFFF  # no UTF-8, so in no path
        and (taken.search(f"a{chr(number)}") is not None) is not is_printable_id(f"a{chr(number)}")
    ]
    assert differing == []


# ------------------------------------------------------------------------------------------ query


@pytest.mark.parametrize("operation", [LIST_MANDATES, GET_MANDATE, LIST_CHARGES, LIST_NOTICES, *OF_A_DAY])
def test_the_document_takes_the_page_sizes_that_the_handler_takes(world: World, operation: str) -> None:
    limit = CONTRACT.document["components"]["parameters"]["Limit"]["schema"]
    subject = subject_of(world, operation)
    for text in ("-1", "0", "1", "1.5", "20", "100", "101", "999", "1000", "x", ""):
        answer = send(world, operation, subject, caller=BACK_END, query={"limit": text})
        value = int(text) if re.fullmatch("-?[0-9]+", text) else text
        documented = not CONTRACT.against(limit, value)
        assert (answer.status != 400) is documented, text
    assert send(world, operation, subject, caller=BACK_END, query={"cursor": "a" * 501}).status == 400


@pytest.mark.parametrize("operation", [EVIDENCE, EVIDENCE_PDF])
def test_the_document_takes_the_page_numbers_that_the_handler_takes(world: World, operation: str) -> None:
    schema = CONTRACT.document["components"]["parameters"]["Page"]["schema"]
    subject = subject_of(world, operation)
    for text in ("-1", "0", "1", "1.5", "2", "999999999", "1000000000", "x", ""):
        answer = send(world, operation, subject, caller=BACK_END, query={"page": text})
        value = int(text) if re.fullmatch("-?[0-9]+", text) else text
        documented = not CONTRACT.against(schema, value)
        assert (answer.status != 400) is documented, text


@pytest.mark.parametrize("operation", [*WITH_PATH, *OF_A_DAY])
def test_an_unknown_query_parameter_is_ignored(world: World, operation: str) -> None:
    caller = customer() if operation in ONLY_CUSTOMERS else BACK_END
    subject, body = subject_of(world, operation), body_for(world, operation)
    answer = send(world, operation, subject, caller=caller, body=body, query={"nickname": "x"})
    assert answer.status not in {400, 404}


# ---------------------------------------------------------------------------------------- who may


def who_may(operation: str) -> tuple[bool, str | None]:
    """By the document: whether the customer may; and the scope a service needs, None if it may not."""
    said = CONTRACT.operations[operation]["description"]
    who = said[said.index("**Who:**") : said.index("**Safe to repeat")]
    scope = re.search(r"service with `(\w+:\w+)`", who)
    return "customer" in who and "A customer is refused" not in who, scope[1] if scope else None


@pytest.mark.parametrize("operation", WITH_TOKEN)
def test_who_may_is_who_the_document_says(world: World, operation: str) -> None:
    subject = subject_of(world, operation)
    customer_may, needed = who_may(operation)
    callers: list[tuple[dict[str, str], bool]] = [(customer(), customer_may), (service(), False)]
    callers += [(service(scope), scope == needed) for scope in Scope]
    for caller, may in callers:
        answer = send(world, operation, subject, caller=caller, body=body_for(world, operation))
        assert (answer.status != 403) is may, (caller["kind"], caller["scopes"])
        assert answer.status in {200, 201, 403, 422}, answer


@pytest.mark.parametrize("operation", [name for name in WITH_TOKEN if name not in {CHECKOUT, *OF_A_DAY}])
def test_what_is_somebody_elses_is_not_there(world: World, operation: str) -> None:
    subject = subject_of(world, operation)
    body = body_for(world, operation)
    answer = send(world, operation, subject, caller=customer(STRANGER), body=body)
    assert (answer.status, answer.body["code"]) == (404, "not_found")
