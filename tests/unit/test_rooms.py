"""The layer's rooms, and which imports which: imports lead down a floor or more, and never in a circle.

`pytest tests/unit/test_rooms.py -s` prints the graph. Each rule is also run on a layer that breaks it.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.unit.source_guards import LAYER, imports

Graph = Mapping[str, set[str]]
"""By module, as `room.module`: the modules of the layer that it imports."""

FLOORS = (
    ("core",),
    ("runtime",),
    ("store", "gateway"),
    ("ledger", "api"),
    ("charges",),
    ("setup", "revocation", "evidence", "privacy", "webhooks"),
)
"""From the bottom up; docs/architecture.md says what each room is for."""

MOST_ROOMS = 12
MOST_LINES = 400


def modules(package: Path) -> dict[str, Path]:
    return {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(package.rglob("*.py"))
        if path.parent != package
    }


def graph_of(texts: Mapping[str, str]) -> dict[str, set[str]]:
    named = {module: imports(text) for module, text in texts.items()}
    return {
        module: {other for other in texts if other != module and f"mandates.{other}" in names}
        for module, names in named.items()
    }


def room_of(module: str) -> str:
    return module.partition(".")[0]


def between_rooms(graph: Graph) -> dict[str, dict[str, int]]:
    """By room, and room imported: how many of its modules do."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for module, imported in graph.items():
        for other in {room_of(one) for one in imported} - {room_of(module)}:
            found[room_of(module)][other] += 1
    return found


def not_down(graph: Graph, floors: Iterable[Iterable[str]] = FLOORS) -> list[str]:
    """The imports of a room on the same floor or a higher one; a room that is on no floor."""
    floor_of = {room: number for number, rooms in enumerate(floors) for room in rooms}
    homeless = sorted({room_of(module) for module in graph} - floor_of.keys())
    return [f"{room} is on no floor" for room in homeless] + [
        f"{module} imports {other}"
        for module, imported in graph.items()
        for other in sorted(imported)
        if room_of(module) != room_of(other)
        and floor_of.get(room_of(other), len(floor_of)) >= floor_of.get(room_of(module), -1)
    ]


def circle(graph: Graph) -> list[str]:
    """Modules of which each imports the next, and the last the first; none if there is no circle."""
    try:
        TopologicalSorter({module: sorted(imported) for module, imported in graph.items()}).prepare()
    except CycleError as error:
        return [str(module) for module in error.args[1]]
    return []


def printed(graph: Graph) -> str:
    edges = between_rooms(graph)
    size: dict[str, int] = defaultdict(int)
    for module in graph:
        size[room_of(module)] += 1
    lines = []
    for number in range(len(FLOORS), 0, -1):
        for room in FLOORS[number - 1]:
            down = ", ".join(f"{other} ({count})" for other, count in sorted(edges[room].items()))
            lines.append(f"{number}  {room:<10} {size[room]:>3} modules  -> {down or 'nothing'}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return graph_of(
        {name: path.read_text(encoding="utf-8") for name, path in modules(LAYER / "mandates").items()}
    )


def test_rooms_import_lower_floors_alone(graph: Graph) -> None:
    print(f"\n{printed(graph)}")
    assert not_down(graph) == []


def test_there_are_few_rooms_and_nothing_lies_beside_them(graph: Graph) -> None:
    assert 2 <= len({room_of(module) for module in graph}) <= MOST_ROOMS
    assert [path.name for path in (LAYER / "mandates").glob("*.py")] == ["__init__.py"]


def test_no_modules_import_each_other_in_a_circle(graph: Graph) -> None:
    assert circle(graph) == []


def test_no_module_is_long() -> None:
    lines = {
        module: len(path.read_text(encoding="utf-8").splitlines())
        for module, path in modules(LAYER / "mandates").items()
    }
    assert lines
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"core.a": "from mandates.store import b", "store.b": ""}, ["core.a imports store.b"]),
        ({"store.a": "from mandates.gateway.b import c", "gateway.b": ""}, ["store.a imports gateway.b"]),
        ({"core.a": "def f():\n    import mandates.api.b", "api.b": ""}, ["core.a imports api.b"]),
        ({"cellar.a": ""}, ["cellar is on no floor"]),
        ({"api.a": "from mandates.core.b import c", "core.b": "import mandates.core.d", "core.d": ""}, []),
    ],
)
def test_an_import_that_does_not_lead_down_is_found(texts: Mapping[str, str], found: list[str]) -> None:
    assert not_down(graph_of(texts)) == found


def test_a_circle_is_found_also_within_a_room() -> None:
    texts = {
        "core.a": "from mandates.core import b",
        "core.b": "import mandates.core.c",
        "core.c": "def f():\n    from mandates.core.a import x",
    }
    assert set(circle(graph_of(texts))) == set(texts)


# ----------------------------------------------------------------------------------- names


def public_names(text: str) -> dict[str, str]:
    """The classes, functions and aliases that a module defines, each with its definition."""
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found[name] = ast.unparse(node)
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.isupper():
                found[name] = ast.unparse(node)
    return {name: definition for name, definition in found.items() if not name.startswith("_")}


def named_alike(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """By name: the modules that define it in different ways. The same alias twice is not a second meaning."""
    where: dict[str, dict[str, str]] = defaultdict(dict)
    for module, text in texts.items():
        for name, definition in public_names(text).items():
            where[name][module] = definition
    return {name: sorted(found) for name, found in where.items() if len(set(found.values())) > 1}


def test_no_public_name_has_two_meanings() -> None:
    found = modules(LAYER / "mandates").items()
    assert named_alike({module: path.read_text(encoding="utf-8") for module, path in found}) == {}


def test_a_second_meaning_is_found() -> None:
    texts = {
        "api.a": "class Request:\n    body: bytes\nSay = Callable[[str], None]",
        "webhooks.b": "class Request:\n    kind: str\nSay = Callable[[str], None]\nKEPT = 1",
        "store.c": "def _read(): ...\nKEPT = 2",
        "store.d": "def _read(): return 1",
    }
    assert named_alike(texts) == {"Request": ["api.a", "webhooks.b"]}
