"""What is retired says so for long enough: docs/versions.md, "The HTTP API"."""

import copy
from typing import Any

import pytest
import yaml

from tests.contract.typescript import CONTRACT

Json = dict[str, Any]
METHODS = {"get", "put", "post", "delete", "patch"}
TELLING = ("Deprecation", "Sunset")

DOCUMENT: Json = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))


def untold(document: Json) -> list[str]:
    """The answers of deprecated operations that may come without one of the two headers."""
    return [
        f"{method.upper()} {path} {status}: {header}"
        for path, item in document["paths"].items()
        for method in METHODS & item.keys()
        if item[method].get("deprecated")
        for status, response in item[method]["responses"].items()
        for header in TELLING
        if not resolved(document, response).get("headers", {}).get(header, {}).get("required")
    ]


def resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        found: Any = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def deprecated(header: Json) -> Json:
    """The document with one operation that is deprecated, and these headers on all its answers."""
    document = copy.deepcopy(DOCUMENT)
    operation = document["paths"]["/evidence-keys"]["get"]
    operation["deprecated"] = True
    operation["responses"] = {
        status: {**resolved(document, response), "headers": header}
        for status, response in operation["responses"].items()
    }
    return document


def test_every_answer_of_a_deprecated_operation_says_until_when() -> None:
    assert untold(DOCUMENT) == []


@pytest.mark.parametrize(
    ("headers", "missing"),
    [
        ({}, {"Deprecation", "Sunset"}),
        ({"Deprecation": {"required": True}}, {"Sunset"}),
        ({"Deprecation": {"required": True}, "Sunset": {}}, {"Sunset"}),
        ({"Deprecation": {"required": True}, "Sunset": {"required": True}}, set()),
    ],
)
def test_a_missing_header_is_found(headers: Json, missing: set[str]) -> None:
    found = untold(deprecated(headers))
    assert {line.rpartition(" ")[2] for line in found} == missing
    assert all(line.startswith("GET /evidence-keys ") for line in found)


def test_no_pattern_depends_on_who_reads_it() -> None:
    r"""`\s`, `\d`, `\w` and `\b` are not the same in Python and JavaScript."""
    classes = ("\\s", "\\S", "\\d", "\\D", "\\w", "\\W", "\\b")
    patterns = [
        line.strip() for line in CONTRACT.read_text(encoding="utf-8").splitlines() if "pattern:" in line
    ]
    assert patterns
    assert [line for line in patterns if any(one in line for one in classes)] == []
