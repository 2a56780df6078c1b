"""The types that front ends generate from openapi.yaml say what the contract says."""

import re
from pathlib import Path

import pytest
import yaml

from tests.contract.typescript import CLIENT, CONTRACT, TYPES, generate, node

USES = CLIENT / "test" / "every-route.ts"


def test_the_committed_types_are_those_of_the_contract(tmp_path: Path) -> None:
    generate(tmp_path / "api.d.ts")
    assert TYPES.read_text() == (tmp_path / "api.d.ts").read_text(), "write them anew: make types"


def compiled(uses: Path) -> list[str]:
    options = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "false",
        "--lib",
        "es2023,dom",
        "--module",
        "nodenext",
    ]
    return node("node_modules/typescript/bin/tsc", *options, uses).stdout.splitlines()


def test_a_use_of_every_route_compiles() -> None:
    assert compiled(USES) == []


def test_every_route_is_used() -> None:
    """Each is named as the generated types name it."""
    contract = yaml.safe_load(CONTRACT.read_text())
    methods = {"get", "put", "post"}
    routes = {(path, method) for path, item in contract["paths"].items() for method in methods & item.keys()}
    assert set(re.findall(r'<"([^"]+)", "(\w+)">', USES.read_text())) == routes


@pytest.mark.parametrize(
    ("member", "spoilt"),
    [("code", "cod"), ("ledger", "ledgers"), ("wording_digest", "wording"), ("next_cursor", "cursor")],
)
def test_a_member_that_is_not_there_is_noticed(member: str, spoilt: str, tmp_path: Path) -> None:
    text = USES.read_text()
    assert f".{member}" in text
    copy = tmp_path / USES.name
    copy.write_text(text.replace(f".{member}", f".{spoilt}", 1).replace("../api.d.ts", str(TYPES)))
    assert any(f"'{spoilt}'" in line for line in compiled(copy))


def test_no_schema_has_members_beside_a_reference() -> None:
    """JSON Schema allows them, and generators drop them: `allOf` is what all of them read."""
    found: list[str] = []

    def look(at: object, where: str) -> None:
        if isinstance(at, dict):
            if "$ref" in at and at.keys() & {"properties", "required", "unevaluatedProperties", "anyOf"}:
                found.append(where)
            for name, inner in at.items():
                look(inner, f"{where}/{name}")
        elif isinstance(at, list):
            for index, inner in enumerate(at):
                look(inner, f"{where}/{index}")

    look(yaml.safe_load(CONTRACT.read_text()), "#")
    assert found == []


def test_redoclys_recommended_rules_find_nothing() -> None:
    finished = node("lint-openapi.mjs", CONTRACT)
    assert (finished.stdout, finished.returncode) == ("", 0), finished.stderr
