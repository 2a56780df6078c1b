"""Samples of what a release stores and sends: a folder for each release that changed a format.

A folder never changes once its release is out. docs/versions.md says how the next one is made.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from mandates.core.subjects import checkout_session_subject, payment_intent_subject
from mandates.store import tables
from mandates.store.item_formats import Item as Kind

FOLDER = Path(__file__).parent
RELEASES = sorted(
    (path.name for path in FOLDER.iterdir() if path.name[0].isdecimal()),
    key=lambda name: [int(number) for number in name.split(".")],
)
"""The oldest first."""

Item = Mapping[str, Any]
Json = Any
Shape = frozenset[str]

_DATA_IN_A_NAME = re.compile(r"(?<=[_#])[A-Za-z0-9]{12,}")
"""Where a member's name is an id, or ends in one, it is one for all."""


_SUBJECTS: Mapping[type[Kind], str] = {
    tables.SessionRow: checkout_session_subject(""),
    tables.IntentRow: payment_intent_subject(""),
}


def kind_of(table: str, item: Item) -> type[Kind]:
    """Told by the keys, as readers tell them."""
    key = item.get("record", item.get("subject"))["S"]
    others = []
    for kind in tables.ITEM_KINDS[table]:
        named = _SUBJECTS.get(kind) or getattr(kind, "RECORD", None) or getattr(kind, "PREFIX", None)
        if named and key.startswith(named):
            return kind
        if not named:
            others.append(kind)
    (other,) = others
    return other


def shape_of(value: Json) -> Shape:
    """Every name and the type of its value, also of JSON inside a text."""
    return _shape(json.dumps(value))


@cache
def _shape(text: str) -> Shape:
    """Items are looked at again at every write, and few have changed."""
    return frozenset(f"{path}: {type_name}" for path, type_name in _leaves(json.loads(text), ""))


def _leaves(value: Json, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict() if value:
            for name, one in value.items():
                yield from _leaves(one, f"{path}.{_DATA_IN_A_NAME.sub('…', name)}".lstrip("."))
        case list() if value:
            for one in value:
                yield from _leaves(one, f"{path}[]")
        case str() if value[:1] in {"{", "["}:
            yield from _leaves(json.loads(value), f"{path} as JSON")
        case _:
            yield path, type(value).__name__


@dataclass
class Written:
    """`stored` are the items in the end, by table; `earlier` those of other shapes that lay there before.

    Of messages (by queue) and events (by detail-type) there is one of each shape. `statuses` are those of the
    mandates in the end, by id.
    """

    stored: dict[str, list[Item]] = field(default_factory=dict)
    earlier: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, str] = field(default_factory=dict)
    secret: Json = None
    pack: Json = None

    def keep(self, kept: list[Json], found: Iterable[Json]) -> None:
        known = {shape_of(one) for one in kept}
        for one in found:
            if (shape := shape_of(one)) not in known:
                known.add(shape)
                kept.append(one)

    def items(self) -> Iterator[tuple[type[Kind], Item]]:
        for by_table in (self.stored, self.earlier):
            for table, items in by_table.items():
                yield from ((kind_of(table, item), item) for item in items)

    def shapes(self) -> dict[str, Shape]:
        """By the name of what has it. `always` are the attributes that every item of a kind has."""
        found: dict[str, Shape] = defaultdict(frozenset)
        always: dict[str, frozenset[str]] = {}
        for kind, item in self.items():
            name = f"{kind.__name__} {item['format']['N']}"
            found[name] |= shape_of(item)
            always[name] = always.get(name, frozenset(item)) & frozenset(item)
        for queue, messages in self.messages.items():
            for message in messages:
                found[f"{queue} {message['format']}"] |= shape_of(message)
        for event in chain.from_iterable(self.events.values()):
            found[event["Detail"]["schema"]] |= shape_of(event)
        found[f"secret {self.secret['format']}"] = shape_of(self.secret)
        found[self.pack["evidence"]["format"]] = shape_of(self.pack)
        return {
            name: shape | {f"always {one}" for one in always.get(name, ())} for name, shape in found.items()
        }

    def write(self, release: str) -> None:
        (FOLDER / release).mkdir(exist_ok=True)
        for name, value in vars(self).items():
            (FOLDER / release / f"{name}.json").write_text(_a_line_each(value), encoding="utf-8")

    @classmethod
    def of(cls, release: str) -> "Written":
        files = (FOLDER / release).glob("*.json")
        return cls(**{file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files})


def _a_line_each(value: Json, depth: int = 0) -> str:
    """JSON with a line for each item of a list, so that a difference can be read."""
    match value:
        case dict() if depth < 1:
            inner = [f"{json.dumps(name)}: {_a_line_each(one, depth + 1)}" for name, one in value.items()]
            return "{\n" + ",\n".join(inner) + "\n}\n"
        case list() if depth == 1 and value:
            return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)
