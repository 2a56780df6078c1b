"""The types generated from openapi.yaml say what the contract says, and the client's code keeps to them."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.settings import ROOT
from tests.contract.documented_code import documented_sources
from tests.contract.typescript import (
    CLIENT,
    CONTRACT,
    DECLARATIONS,
    EVENTS,
    TYPES,
    compiled,
    declare,
    generate,
    generate_events,
    node,
    npm,
)

USES = CLIENT / "test" / "every-route.ts"
USES_OF_CLIENT = CLIENT / "test" / "uses-client.ts"


def test_the_committed_types_are_those_of_the_contract(tmp_path: Path) -> None:
    generate(tmp_path / "api.d.ts")
    assert TYPES.read_text() == (tmp_path / "api.d.ts").read_text(), "write them anew: make types"


def test_the_committed_types_of_the_events_are_those_of_their_schemas(tmp_path: Path) -> None:
    generate_events(tmp_path / "events.d.ts")
    assert EVENTS.read_text() == (tmp_path / "events.d.ts").read_text(), "write them anew: make types"


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_client_keeps_to_the_types_and_its_committed_declarations_are_its_own(tmp_path: Path) -> None:
    """The compiler checks the code, strictly, when it writes the declarations."""
    declare(tmp_path)
    assert contents(DECLARATIONS) == contents(tmp_path), "write them anew: make types"


def test_every_route_is_used() -> None:
    """Each is named as the generated types name it."""
    contract = yaml.safe_load(CONTRACT.read_text())
    methods = {"get", "put", "post"}
    routes = {(path, method) for path, item in contract["paths"].items() for method in methods & item.keys()}
    assert set(re.findall(r'<"([^"]+)", "(\w+)">', USES.read_text())) == routes


SPOILT = {
    USES.name: {
        ".code": (".cod", "'cod'"),
        ".ledger": (".ledgers", "'ledgers'"),
        ".wording_digest": (".wording", "'wording'"),
        ".next_cursor": (".cursor", "'cursor'"),
    },
    USES_OF_CLIENT.name: {
        "    accepted: true,\n": ("", "'CheckoutToOpen'"),
        ", { idempotencyKey: 'order-42' })": (")", "Expected 3 arguments"),
        "problem.left": ("problem.rest", "'rest'"),
        "mandate.label": ("mandate.name", "'name'"),
    },
    "react.tsx": {"=== 'active'": ("=== 'saved'", "'\"saved\"' have no overlap")},
    "events.ts": {'"charge.succeeded"': ('"charge.paid"', "'\"charge.paid\"'")},
}
"""By file: what is replaced, by what, and a part of what the compiler then says."""


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, str]]:
    """What the compiler finds, by file. It runs once: reading what there is in browsers takes it seconds.

    The files lie in clients/javascript: there the package's name means the package that they are in.
    """
    right = {file.name: file.read_text() for file in (USES, USES_OF_CLIENT)} | documented_sources()
    wrong = {name: right[name] for name in SPOILT}
    for name, changes in SPOILT.items():
        for part, (other, _) in changes.items():
            assert part in wrong[name]
            wrong[name] = wrong[name].replace(part, other, 1)
    folder = CLIENT / "test" / "compiled"
    folder.mkdir(exist_ok=True)
    sources = {**right, **{f"spoilt-{name}": text for name, text in wrong.items()}}
    try:
        for name, text in sources.items():
            (folder / name).write_text(text.replace('"../api.d.ts"', '"../../api.d.ts"'))
        lines = compiled(*(folder / name for name in sources))
        found = {name: "\n".join(line for line in lines if f"/{name}(" in line) for name in sources}
        found["elsewhere"] = "\n".join(line for line in lines if not line.startswith((" ", "test/compiled/")))
        yield found
    finally:
        shutil.rmtree(folder)


def test_uses_of_every_route_and_of_the_client_and_documented_ones_compile(findings: dict[str, str]) -> None:
    assert {name: said for name, said in findings.items() if said and not name.startswith("spoilt-")} == {}


@pytest.mark.parametrize("name", SPOILT)
def test_wrong_uses_are_noticed(name: str, findings: dict[str, str]) -> None:
    said = findings[f"spoilt-{name}"]
    assert [part for part, (_, noticed) in SPOILT[name].items() if noticed not in said] == [], said


def test_npm_publishes_the_code_its_types_the_licence_and_nothing_else() -> None:
    (packed,) = json.loads(npm("pack", "--dry-run", "--json").stdout)
    published = {file["path"] for file in packed["files"]}
    wanted = {"package.json", "README.md", "LICENSE"}
    for pattern in ("*.js", "*.d.ts", "elements/*.js", "types/**/*.d.ts"):
        wanted |= {str(path.relative_to(CLIENT)) for path in CLIENT.glob(pattern)}
    assert published == wanted
    package = json.loads((CLIENT / "package.json").read_text())
    assert package.keys().isdisjoint({"private", "dependencies", "peerDependencies", "scripts"})
    entries = [file for entry in package["exports"].values() for file in entry.values()]
    assert {str(Path(file)) for file in entries} <= published
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


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
