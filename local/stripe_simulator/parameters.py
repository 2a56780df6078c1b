"""Which parameters exist, and their types, read from the SDK's own TypedDicts.

stripe-python checks nothing before it sends, and Stripe refuses unknown parameters. A fake that accepts
anything would hide typing errors until production. ``stripe.params`` is generated from Stripe's OpenAPI
document, so rules derived from it follow the pinned SDK, and nobody keeps a list by hand.

Since 16.0 the SDK writes an enumeration as ``Literal[...] | str``, so that it can grow without breaking type
checkers. The server still knows only the listed values, so a literal beside ``str`` means the enumeration.
``Literal[''] | T`` is the exception: it marks a value that can be cleared by sending it empty.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Literal, NotRequired, Protocol, Union, get_args, get_origin, get_type_hints

from stripe import _request_options
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from .errors import StripeError, invalid, parameter_missing
from .forms import Form, FormValue

METADATA_KEYS = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500


class ParameterType(Protocol):
    """How one parameter is read from its form value."""

    def parse(self, value: FormValue, name: str) -> Any: ...


@dataclass(frozen=True)
class Text:
    """A string. It may be empty only if the SDK's type says that it can be cleared."""

    clearable: bool = False

    def parse(self, value: FormValue, name: str) -> str:
        text = _scalar(value, name, "string")
        if not text and not self.clearable:
            raise invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request "
                "or supply a non-empty value.",
                name,
                "parameter_invalid_empty",
            )
        return text


@dataclass(frozen=True)
class Integer:
    def parse(self, value: FormValue, name: str) -> int:
        text = _scalar(value, name, "integer")
        if not text.removeprefix("-").isdecimal():
            raise invalid(f"Invalid integer: {text}", name, "parameter_invalid_integer")
        return int(text)


@dataclass(frozen=True)
class Number:
    """A decimal, kept as the text that was sent."""

    def parse(self, value: FormValue, name: str) -> str:
        text = _scalar(value, name, "decimal")
        try:
            Decimal(text)
        except ArithmeticError:
            raise invalid(f"Invalid decimal: {text}", name) from None
        return text


@dataclass(frozen=True)
class Boolean:
    def parse(self, value: FormValue, name: str) -> bool:
        text = _scalar(value, name, "boolean").lower()
        if text not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {text}", name)
        return text == "true"


@dataclass(frozen=True)
class Choice:
    """An enumeration."""

    values: tuple[str, ...]

    def parse(self, value: FormValue, name: str) -> str:
        text = _scalar(value, name, "string")
        if text not in self.values:
            raise invalid(f"Invalid {name}: must be one of {_enumerate(self.values)}", name)
        return text


@dataclass(frozen=True)
class Array:
    item: ParameterType

    def parse(self, value: FormValue, name: str) -> list[Any]:
        if isinstance(value, str) or not all(key.isdecimal() for key in value):
            raise invalid("Invalid array", name)
        ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
        return [self.item.parse(item, f"{name}[{index}]") for index, item in ordered]


@dataclass(frozen=True)
class Metadata:
    """A map of strings within Stripe's limits (https://docs.stripe.com/api/metadata). An empty value unsets
    its key, and an empty string instead of a map unsets all keys. The endpoint applies that: here empty
    values are returned as they are."""

    def parse(self, value: FormValue, name: str) -> dict[str, str] | Literal[""]:
        if isinstance(value, str):
            if value:
                raise invalid("Invalid hash", name)
            return ""
        if len(value) > METADATA_KEYS:
            raise invalid(f"You can have at most {METADATA_KEYS} keys in metadata.", name)
        return {key: self._entry(key, text, f"{name}[{key}]") for key, text in value.items()}

    @staticmethod
    def _entry(key: str, value: FormValue, name: str) -> str:
        if len(key) > METADATA_KEY_LENGTH:
            raise invalid(f"Metadata keys must be at most {METADATA_KEY_LENGTH} characters long.", name)
        text = _scalar(value, name, "string")
        if len(text) > METADATA_VALUE_LENGTH:
            raise invalid(f"Metadata values must be at most {METADATA_VALUE_LENGTH} characters long.", name)
        return text


@dataclass(frozen=True)
class Fields:
    """A hash with known members: a request's parameters, or a nested part of them."""

    fields: Mapping[str, ParameterType]
    required: frozenset[str]

    def parse(self, value: FormValue, name: str = "") -> dict[str, Any]:
        if isinstance(value, str):
            raise invalid("Invalid object", name)
        self._refuse_unknown(value, name)
        parsed = {key: self.fields[key].parse(item, _member(name, key)) for key, item in value.items()}
        for key in sorted(self.required - parsed.keys()):
            raise parameter_missing(_member(name, key))
        return parsed

    def _refuse_unknown(self, value: Form, name: str) -> None:
        unknown = [_member(name, key) for key in value if key not in self.fields]
        if unknown:
            noun = "parameter" if len(unknown) == 1 else "parameters"
            raise invalid(f"Received unknown {noun}: {', '.join(unknown)}", unknown[0], "parameter_unknown")


@dataclass(frozen=True)
class Either:
    """Alternatives, chosen by shape (a hash or array, or a scalar) and then by trying them in turn."""

    types: tuple[ParameterType, ...]

    def parse(self, value: FormValue, name: str) -> Any:
        structured = isinstance(value, dict)
        fitting = [type_ for type_ in self.types if isinstance(type_, Fields | Array) == structured]
        *first, last = fitting or self.types
        for type_ in first:
            try:
                return type_.parse(value, name)
            except StripeError:
                continue
        return last.parse(value, name)


@cache
def parameters_of(name: str) -> Fields:
    """The parameters of one SDK method, named as in ``stripe.params``: ``checkout.SessionCreateParams``."""
    package, _, class_name = name.rpartition(".")
    module = import_module(f"stripe.params.{package}" if package else "stripe.params")
    return _fields(getattr(module, class_name))


# The SDK mixes RequestOptions into the parameters, and it uses names that their modules don't import.
_NAMES = {**vars(_request_options), "StripeContext": object}
_OPTIONS = frozenset(RequestOptions.__annotations__)


def _fields(typed_dict: Any) -> Fields:
    hints = get_type_hints(typed_dict, localns=_NAMES, include_extras=True)
    hints = {key: hint for key, hint in hints.items() if key not in _OPTIONS}
    fields = {key: _type_of(hint) for key, hint in hints.items()}
    return Fields(fields, frozenset(typed_dict.__required_keys__ & fields.keys()))


def _type_of(hint: Any) -> ParameterType:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _type_of(arguments[0])
    if origin in {Union, types.UnionType}:
        return _union(arguments)
    if origin is Literal:
        return Choice(tuple(str(value) for value in arguments))
    if origin is list:
        return Array(_type_of(arguments[0]))
    if origin in {dict, UntypedStripeObject}:
        return Metadata()
    if is_typeddict(hint):
        return _fields(hint)
    return _SCALARS[hint]


_SCALARS: dict[Any, ParameterType] = {
    str: Text(),
    int: Integer(),
    bool: Boolean(),
    float: Number(),
    Decimal: Number(),
}


def _union(members: tuple[Any, ...]) -> ParameterType:
    empty = [member for member in members if get_args(member) == ("",)]
    others = [member for member in members if member not in empty]
    if any(get_origin(member) is Literal for member in others):
        others = [member for member in others if member is not str]
    types = tuple(_type_of(member) for member in others if member is not type(None))
    if empty and types == (Text(),):
        return Text(clearable=True)
    if any(isinstance(type_, Metadata) for type_ in types):
        return Metadata()
    if empty:
        types = (Choice(("",)), *types)
    return types[0] if len(types) == 1 else Either(types)


def _scalar(value: FormValue, name: str, expected: str) -> str:
    if isinstance(value, str):
        return value
    raise invalid(f"Invalid {expected}", name)


def _member(parent: str, key: str) -> str:
    return f"{parent}[{key}]" if parent else key


def _enumerate(values: tuple[str, ...]) -> str:
    *rest, last = values
    return f"{', '.join(rest)}, or {last}" if rest else last
