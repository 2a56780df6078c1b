"""What the custom elements say is complete in every language, and they stay small."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.settings import ROOT
from tests.contract.typescript import CLIENT, CONTRACT, node

ELEMENTS = CLIENT / "elements"
LIMIT_BYTES = 20_000
OF_THE_CLIENT = {"unreachable", "not_the_api", "offline", "unknown"}
"""Codes under which the client and the elements know problems that no answer has."""

ASKED_BY_ELEMENTS = {
    "getCurrentTerms", "putCustomer", "listMandates", "createCheckoutSession", "getCheckoutSession",
    "recordReturn", "getMandate", "revokeMandate", "listCharges", "getCharge", "listRefunds",
}  # fmt: skip
"""The operations of CustomerClient."""


def evaluated(script: str) -> Any:
    finished = node("--input-type=module", "--eval", script)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.fixture(scope="module")
def strings() -> dict[str, dict[str, str]]:
    """The texts by language and key."""
    tags = sorted(path.stem for path in ELEMENTS.glob("*.js") if re.fullmatch(r"[a-z]{2}(-\w+)?", path.stem))
    assert {"en", "de"} <= set(tags)
    script = f"""
      const texts = {tags}.map(async (tag) => [tag, (await import(`./elements/${{tag}}.js`))[tag]])
      console.log(JSON.stringify(Object.fromEntries(await Promise.all(texts))))
    """
    found: dict[str, dict[str, str]] = evaluated(script)
    return found


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(CONTRACT.read_text(), Loader=yaml.CSafeLoader)
    return read


def differences(strings: dict[str, dict[str, str]]) -> list[str]:
    """What other languages lack, have too much or fill in differently than English."""
    english, found = strings["en"], []
    for tag, texts in strings.items():
        found += [f"{tag}: {key} is missing" for key in sorted(english.keys() - texts.keys())]
        found += [f"{tag}: {key} is not in English" for key in sorted(texts.keys() - english.keys())]
        found += [
            f"{tag}: {key} has other placeholders"
            for key in sorted(english.keys() & texts.keys())
            if placeholders(english[key]) != placeholders(texts[key])
        ]
        found += [f"{tag}: {key} is empty" for key, text in texts.items() if not text.strip()]
    return found


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_language_is_complete(strings: dict[str, dict[str, str]]) -> None:
    assert differences(strings) == []
    used = evaluated("console.log(JSON.stringify((await import('./elements/strings.js')).languages()))")
    assert set(used) == strings.keys()


def test_what_is_missing_in_a_language_is_found() -> None:
    english = {"a": "{x} and {y}", "b": "B", "c": "C"}
    assert differences({"en": english, "de": {"a": "{x} und {z}", "c": " ", "d": "D"}}) == [
        "de: b is missing",
        "de: d is not in English",
        "de: a has other placeholders",
        "de: c is empty",
    ]


def test_what_the_code_says_has_words(strings: dict[str, dict[str, str]]) -> None:
    code = "\n".join(path.read_text() for path in ELEMENTS.glob("*.js"))
    said = set(re.findall(r"\b(?:say|#button|#in)\((?:terms, )?'(\w+)'", code))
    states = set(re.findall(r"plainView\(this, '(\w+)'", code))
    outcomes = set(re.findall(r"'(\w+)'", code.partition("const OUTCOMES = ")[2].partition("\n")[0]))
    assert len(said) > 20
    assert len(states) > 2
    assert len(outcomes) == 5
    named = said | {key for name in states | outcomes for key in (name, f"{name}_heading")}
    assert named - strings["en"].keys() == set()


def test_every_slot_and_part_is_documented() -> None:
    code = "\n".join(path.read_text() for path in ELEMENTS.glob("*.js"))
    slots = re.findall(r"'slot', \{ name: '([\w-]+)'", code) + re.findall(r"\[slot=(\w+)\]", code)
    named = {*slots, *re.findall(r"part: '(\w+)'", code)}
    assert {"empty", "meter"} <= named
    documented = set(re.findall(r"`([\w-]+)`", (ROOT / "docs" / "front-end.md").read_text()))
    assert named - documented == set()


def codes(operation: dict[str, Any], contract: dict[str, Any]) -> Iterator[str]:
    """The problem codes that an operation's answers may have. Their examples have one each."""
    shared, examples = contract["components"]["responses"], contract["components"]["examples"]
    for answer in operation["responses"].values():
        described = shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for name in described.get("content", {}).get("application/problem+json", {}).get("examples", {}):
            yield examples[name]["value"]["code"]


def test_every_problem_that_a_customer_can_meet_has_words(
    strings: dict[str, dict[str, str]], contract: dict[str, Any]
) -> None:
    operations = {
        operation["operationId"]: operation
        for path in contract["paths"].values()
        for method, operation in path.items()
        if method in {"get", "put", "post"}
    }
    met = {code for name in ASKED_BY_ELEMENTS for code in codes(operations[name], contract)}
    every = set(contract["components"]["schemas"]["ProblemCode"]["enum"])
    worded = {
        key.removeprefix("problem_")
        for key in strings["en"]
        if key.startswith("problem_") and key != "problem_heading"
    }
    assert "terms_changed" in met
    assert met <= every
    assert met - worded == set()
    assert worded - every == OF_THE_CLIENT


def test_every_section_of_the_terms_has_a_heading(
    strings: dict[str, dict[str, str]], contract: dict[str, Any]
) -> None:
    sections = contract["components"]["schemas"]["Terms"]["properties"]["sections"]["properties"]
    assert {f"section_{name}" for name in sections} == {
        key for key in strings["en"] if key.startswith("section_")
    }


def test_client_and_elements_are_small(tmp_path: Path) -> None:
    """As bundlers and `make elements` write them: in one file, without comments; compressed, all languages
    included."""
    bundle = tmp_path / "bundle.js"
    finished = node("bundle.mjs", bundle)
    assert finished.returncode == 0, finished.stderr
    size = len(gzip.compress(bundle.read_bytes(), 9))
    print(f"client and elements, minified and gzipped: {size} bytes of {LIMIT_BYTES}")
    assert 10_000 < size <= LIMIT_BYTES
