"""Every function has its folder, its resource in template.yaml, its entry in tests/functions.py and a sample.

What an entry says is tested where it belongs: starts and sizes in tests/budget, permissions and routes in
tests/template, samples in tests/component.
"""

import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

from local.settings import ROOT
from ops.existing_tables import store_name
from tests.functions import FUNCTIONS, Function, folder_of
from tests.template.stack import raw


@dataclass(frozen=True)
class Known:
    """Of functions: folders with code, logical ids in the template, entries, and folders in events/."""

    code: Iterable[str]
    resources: Iterable[str]
    entries: Mapping[str, Function]
    samples: Iterable[str]


def known() -> Known:
    resources = raw()["Resources"].items()
    return Known(
        code={path.parent.name for path in (ROOT / "functions").glob("*/app.py")},
        resources={name for name, one in resources if one["Type"] == "AWS::Serverless::Function"},
        entries=FUNCTIONS,
        samples={path.parent.name for path in (ROOT / "events").glob("*/*.json")} - {"schemas"},
    )


def missing(of: Known) -> list[str]:
    """What each function lacks, as a sentence that says where to add it."""
    logical_ids = {folder_of(name): name for name in (*of.resources, *of.entries)}
    found = []
    for folder in sorted({*of.code, *of.samples, *logical_ids}):
        name = logical_ids.get(folder, "")
        if folder not in of.code:
            found.append(f"functions/{folder}/app.py is missing")
        if name not in of.resources:
            found.append(f"functions/{folder} has no AWS::Serverless::Function in template.yaml")
        if name not in of.entries:
            found.append(f"functions/{folder} has no entry in tests/functions.py")
        elif not of.entries[name].samples:
            found.append(f"the entry of {name} in tests/functions.py names no sample")
        if folder not in of.samples:
            found.append(f"events/{folder} has no sample event")
    return found


def test_no_function_lacks_anything() -> None:
    assert missing(known()) == []


SEND = "send_notices"


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (
            {"code": {*known().code, SEND}},
            [
                "functions/send_notices has no AWS::Serverless::Function in template.yaml",
                "functions/send_notices has no entry in tests/functions.py",
                "events/send_notices has no sample event",
            ],
        ),
        (
            {"resources": {*known().resources, "SendNotices"}},
            [
                "functions/send_notices/app.py is missing",
                "functions/send_notices has no entry in tests/functions.py",
                "events/send_notices has no sample event",
            ],
        ),
        (
            {"entries": {name: one for name, one in FUNCTIONS.items() if name != "ReadTerms"}},
            ["functions/read_terms has no entry in tests/functions.py"],
        ),
        (
            {"entries": {**FUNCTIONS, "ReadTerms": replace(FUNCTIONS["ReadTerms"], samples={})}},
            ["the entry of ReadTerms in tests/functions.py names no sample"],
        ),
        ({"samples": set(known().samples) - {"read_terms"}}, ["events/read_terms has no sample event"]),
    ],
)
def test_what_a_function_lacks_is_named(changed: dict[str, object], found: list[str]) -> None:
    assert missing(replace(known(), **changed)) == found  # type: ignore[arg-type]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_told_of_exactly_the_tables_that_it_may_use(function: str) -> None:
    declared = raw()["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
    told = {value["Ref"] for name, value in declared.items() if name.endswith("_TABLE")}
    resources = FUNCTIONS[function].may
    assert told == {found[1] for name in resources if (found := re.match(r"(\w+Table)\.Arn$", name))}
    assert all(
        name == f"{store_name(value['Ref'])}_table".upper()
        for name, value in declared.items()
        if "Table" in str(value)
    )


def test_what_a_function_must_not_load_is_there_to_be_loaded() -> None:
    """A module that was renamed would be forbidden to no effect."""
    names = {name for function in FUNCTIONS.values() for name in function.must_not_load}
    assert {name for name in names if importlib.util.find_spec(name) is None} == set()
