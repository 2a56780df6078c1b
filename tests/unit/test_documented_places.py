"""The places that the documentation names exist: the layer's rooms and modules, functions and files."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.unit.test_rooms import FLOORS

LAYER = ROOT / "layers/mandates/python/mandates"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def rooms() -> dict[str, set[str]]:
    """The modules of each room, as paths within it."""
    return {
        room.name: {
            str(path.relative_to(room).with_suffix(""))
            for path in room.rglob("*.py")
            if path.name != "__init__.py"
        }
        for room in LAYER.iterdir()
        if (room / "__init__.py").exists()
    }


def documented_rooms(text: str) -> dict[str, set[str]]:
    """The names in the first column of each section `### <room>`."""
    sections = re.split(r"^### (.*)$", text, flags=re.MULTILINE)[1:]
    return {
        room: {
            name
            for cell in re.findall(r"^\| (`[^|]*) \|", section.partition("\n## ")[0], flags=re.MULTILINE)
            for name in re.findall(r"`([^`]+)`", cell)
        }
        for room, section in zip(sections[::2], sections[1::2], strict=True)
    }


def differences(documented: Mapping[str, set[str]], there: Mapping[str, set[str]]) -> list[str]:
    every = sorted({*documented, *there})
    found = [f"{room}: is not there" for room in every if room not in there]
    found += [f"{room}: has no section" for room in every if room not in documented]
    for room in documented.keys() & there.keys():
        found += [f"{room}/{name}: is not there" for name in sorted(documented[room] - there[room])]
        found += [f"{room}/{name}: is not named" for name in sorted(there[room] - documented[room])]
    return found


def test_the_architecture_names_every_room_and_every_module() -> None:
    assert differences(documented_rooms(ARCHITECTURE), rooms()) == []


def test_every_room_stands_on_its_floor() -> None:
    table = ARCHITECTURE.partition("| floor | rooms |\n")[2].partition("\n\n")[0]
    floors = re.findall(r"^\| (\d) \| ([^:|]+)", table, flags=re.MULTILINE)
    documented = {int(number): tuple(re.findall(r"`(\w+)`", named)) for number, named in floors}
    assert documented == dict(enumerate(FLOORS, start=1))


def test_that_guard_can_fail() -> None:
    text = "## Rooms\n### core\n| `facts`, `x/y` | `other` |\n### attic\n\n## Next\n| `z` | |\n"
    assert documented_rooms(text) == {"core": {"facts", "x/y"}, "attic": set()}
    assert differences(documented_rooms(text), {"core": {"facts", "mandate"}, "store": set()}) == [
        "attic: is not there",
        "store: has no section",
        "core/x/y: is not there",
        "core/mandate: is not named",
    ]


def test_the_picture_has_every_function() -> None:
    picture = ARCHITECTURE.split("```")[1]
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {name for name in functions if not re.search(rf"\b{name}\b", picture)} == set()


def missing_files(page: Path, text: str) -> list[str]:
    """Paths that lead nowhere from the root, the layer or the page. Files in `.local` come and go, so a path
    that begins with a dot is not looked at."""
    paths = re.findall(r"`((?:[\w-]+/)+[\w.-]+\.[a-z][a-z0-9]+)`", text)
    places = (ROOT, LAYER, page.parent)
    return [path for path in paths if not any((place / path).exists() for place in places)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    assert missing_files(page, page.read_text(encoding="utf-8")) == []


def test_a_file_that_is_not_there_is_found() -> None:
    text = "`core/facts.py`, `ops/dlq.py`, `core/moment.py`, `functions/<name>/app.py`, `.local/stack.json`"
    assert missing_files(ROOT / "README.md", text) == ["core/moment.py"]


def test_every_term_of_the_glossary_says_where_it_lives_in_order() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", glossary.partition("|---|")[2], flags=re.MULTILINE
    )
    terms = [term for term, _, _ in rows]
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.lower)
    assert [term for term, _, where in rows if not re.fullmatch(r"(`[\w./-]+\.(py|md)`(, )?)+", where)] == []
