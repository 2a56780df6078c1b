"""The types generated from openapi.yaml say what the contract says, and the client's code keeps to them."""

import json
import re
from pathlib import Path

import yaml

from local.settings import ROOT
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


def test_uses_of_every_route_and_of_the_client_compile() -> None:
    assert compiled(USES, USES_OF_CLIENT) == []


def test_every_route_is_used() -> None:
    """Each is named as the generated types name it."""
    contract = yaml.safe_load(CONTRACT.read_text())
    methods = {"get", "put", "post"}
    routes = {(path, method) for path, item in contract["paths"].items() for method in methods & item.keys()}
    assert set(re.findall(r'<"([^"]+)", "(\w+)">', USES.read_text())) == routes


def test_wrong_uses_are_noticed() -> None:
    """Copies beside the originals: one imports the package that it is in."""
    spoilt = {
        USES: [
            (".code", ".cod"),
            (".ledger", ".ledgers"),
            (".wording_digest", ".wording"),
            (".next_cursor", ".cursor"),
        ],
        USES_OF_CLIENT: [
            ("    accepted: true,\n", ""),
            (", { idempotencyKey: 'order-42' })", ")"),
            ("problem.left", "problem.rest"),
            ("mandate.label", "mandate.name"),
        ],
    }
    copies = [use.with_stem(f"spoilt-{use.stem}") for use in spoilt]
    try:
        for (use, changes), copy in zip(spoilt.items(), copies, strict=True):
            text = use.read_text()
            for right, wrong in changes:
                assert right in text
                text = text.replace(right, wrong, 1)
            copy.write_text(text)
        errors = "\n".join(compiled(*copies))
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)
    noticed = ["'cod'", "'ledgers'", "'wording'", "'cursor'", "'accepted'", "Expected 3", "'rest'", "'name'"]
    assert [word for word in noticed if word not in errors] == [], errors


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
