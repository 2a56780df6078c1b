"""Stripe's wire format for parameters: ``a[b][c]=v`` and ``a[0]=v`` in a form body or a query string."""

import re
from urllib.parse import parse_qsl

from .errors import invalid

type FormValue = str | Form
type Form = dict[str, FormValue]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(encoded: str) -> Form:
    """Decode into nested dictionaries. ``a[]=x`` takes the next number, as in ``a[0]=x``.

    Lists stay dictionaries with numeric keys. Only the declared type of the parameter distinguishes
    ``metadata[0]`` from an array element, and ``parameters`` has the types.
    """
    form: Form = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        _put(form, name, value)
    return form


def _put(form: Form, name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", name)
    *parents, last = [match[1], *_PART.findall(match[2])]
    here = form
    for part in parents:
        inner = here.setdefault(part, {})
        if isinstance(inner, str):
            raise invalid(f"Invalid hash: {name}", name)
        here = inner
    key = last or str(len(here))
    if isinstance(here.get(key), dict):
        raise invalid(f"Invalid string: {name}", name)
    here[key] = value
