"""DynamoDB's expressions, as far as our store writes them; anything else is a loud error.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
A condition is compiled once per text. Items are in DynamoDB's notation: {"name": {"S": "value"}}.
"""

import functools
import operator as operators
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Value = Mapping[str, Any]
Item = Mapping[str, Value]
Names = Mapping[str, str]
Values = Mapping[str, Value]
Condition = Callable[[Item, Names, Values], bool]

_TOKEN = re.compile(r"\s*(<>|<=|>=|=|<|>|\(|\)|,|[#:]?[A-Za-z0-9_]+)")


class NotSimulated(AssertionError):
    """The store has begun to use something that the in-memory DynamoDB does not have."""


@functools.cache
def condition(text: str) -> Condition:
    tokens = _tokens(text)
    parsed = _either(tokens)
    if tokens:
        raise NotSimulated(f"{text!r}: nothing is known of what follows {tokens}")
    return parsed


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotSimulated(f"{text!r} at {at}")
        tokens.append(found[1])
        at = found.end()
    return tokens


def _either(tokens: list[str]) -> Condition:
    one = _both(tokens)
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        one = _or(one, _both(tokens))
    return one


def _both(tokens: list[str]) -> Condition:
    one = _single(tokens)
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        one = _and(one, _single(tokens))
    return one


def _or(one: Condition, other: Condition) -> Condition:
    return lambda item, names, values: one(item, names, values) or other(item, names, values)


def _and(one: Condition, other: Condition) -> Condition:
    return lambda item, names, values: one(item, names, values) and other(item, names, values)


def _single(tokens: list[str]) -> Condition:
    token = tokens.pop(0)
    if token == "(":
        inner = _either(tokens)
        _expect(tokens, ")")
        return inner
    if token in {"attribute_exists", "attribute_not_exists"}:
        _expect(tokens, "(")
        name = tokens.pop(0)
        _expect(tokens, ")")
        wanted = token == "attribute_exists"
        return lambda item, names, values: (_name(name, names) in item) is wanted
    if token == "begins_with":
        _expect(tokens, "(")
        name = tokens.pop(0)
        _expect(tokens, ",")
        prefix = tokens.pop(0)
        _expect(tokens, ")")
        return lambda item, names, values: str(
            item.get(_name(name, names), {"S": ""}).get("S", "")
        ).startswith(values[prefix]["S"])
    operator = tokens.pop(0)
    if operator == "BETWEEN":
        lowest = tokens.pop(0)
        _expect(tokens, "AND")
        return _and(_comparison(token, ">=", lowest), _comparison(token, "<=", tokens.pop(0)))
    return _comparison(token, operator, tokens.pop(0))


_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operators.eq,
    "<>": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def _comparison(name: str, operator: str, value: str) -> Condition:
    if operator not in _COMPARED or not value.startswith(":"):
        raise NotSimulated(f"{name} {operator} {value}")
    holds = _COMPARED[operator]

    def compared(item: Item, names: Names, values: Values) -> bool:
        found = item.get(_name(name, names))
        if found is None:
            if operator == "<>":
                raise NotSimulated(f"{name} <> {value} of an item without it: ask for its existence first")
            return False
        one, other = comparable(found), comparable(values[value])
        return bool(holds(one, other)) and (operator == "<>" or one[0] == other[0])

    return compared


def _expect(tokens: list[str], wanted: str) -> None:
    if not tokens or tokens[0] != wanted:
        raise NotSimulated(f"{wanted} expected, not {tokens[:1]}")
    tokens.pop(0)


def _name(token: str, names: Names) -> str:
    return names[token] if token.startswith("#") else token


def comparable(value: Value) -> Any:
    """A value that is equal to another exactly where DynamoDB takes the two for equal."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL" | "NULL":
            return kind, content
        case "N":
            return kind, Decimal(content)
        case "SS":
            return kind, frozenset(content)
    raise NotSimulated(f"values of the type {kind}")


# ------------------------------------------------------------------------------------------- updates

_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")
_SET = re.compile(r"(#?\w+) = (:\w+)$")
_SET_IF_ABSENT = re.compile(r"(#?\w+) = if_not_exists \(\1, (:\w+)\)$")
_BETWEEN_ACTIONS = re.compile(r",(?![^(]*\))")
_ADD_OR_DELETE = re.compile(r"(#?\w+) (:\w+)$")

Update = tuple[tuple[str, str, str], ...]


@functools.cache
def _update(text: str) -> Update:
    parts = _CLAUSE.split(text)
    if parts[0].strip():
        raise NotSimulated(text)
    steps: list[tuple[str, str, str]] = []
    for clause, body in zip(parts[1::2], parts[2::2], strict=True):
        steps += [_action(clause, action.strip()) for action in _BETWEEN_ACTIONS.split(body)]
    return tuple(steps)


def _action(clause: str, action: str) -> tuple[str, str, str]:
    if clause == "REMOVE" and re.fullmatch(r"#?\w+", action):
        return clause, action, ""
    if clause == "SET" and (found := _SET_IF_ABSENT.match(action)):
        return "SET IF ABSENT", found[1], found[2]
    wanted = {"SET": _SET, "ADD": _ADD_OR_DELETE, "DELETE": _ADD_OR_DELETE}.get(clause)
    found = wanted.match(action) if wanted else None
    if found is None:
        raise NotSimulated(f"{clause} {action}")
    return clause, found[1], found[2]


def updated(item: Item, text: str, names: Names, values: Values) -> dict[str, Value]:
    """The item after an update expression; the one given stays as it is."""
    new = dict(item)
    for clause, name_token, value_token in _update(text):
        name = _name(name_token, names)
        match clause:
            case "SET":
                new[name] = values[value_token]
            case "SET IF ABSENT":
                new.setdefault(name, values[value_token])
            case "REMOVE":
                new.pop(name, None)
            case "ADD":
                new[name] = _added(item.get(name), values[value_token])
            case "DELETE":
                left = _without(item.get(name), values[value_token])
                new.pop(name, None)
                if left:
                    new[name] = left
    return new


def _added(known: Value | None, more: Value) -> Value:
    if known is None:
        return more
    if known.keys() == more.keys() == {"SS"}:
        return {"SS": sorted({*known["SS"], *more["SS"]})}
    if known.keys() == more.keys() == {"N"}:
        return {"N": str(Decimal(known["N"]) + Decimal(more["N"]))}
    raise NotSimulated(f"ADD of {more} to {known}")


def _without(known: Value | None, less: Value) -> Value | None:
    """A set that is empty is not there."""
    if known is None:
        return None
    if known.keys() == less.keys() == {"SS"}:
        left = sorted({*known["SS"]} - {*less["SS"]})
        return {"SS": left} if left else None
    raise NotSimulated(f"DELETE of {less} from {known}")
