"""What functions and layers may load and weigh, each rule as a function to the list of what is wrong.

The figures of each function are in tests/functions.py.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.functions import FUNCTIONS, MEGABYTE

NOT_ON_LAMBDA = frozenset(
    {"boto3", "pydantic", "requests", "httpx", "pytest", "moto", "local", "ops", "tests"}
)
"""What no function may load."""

LAMBDAS_LIMIT = 250 * MEGABYTE
"""A function and its layers, unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

LARGEST_LAYERS: Mapping[str, int] = {
    "DependenciesLayer": 57 * MEGABYTE,  # 54 MB: stripe 30, cryptography 15, each with its bytecode
    "MandatesLayer": 3 * MEGABYTE,  # 2.4 MB, with its bytecode
}


def loads_nothing_forbidden(function: str, modules: Iterable[str]) -> list[str]:
    forbidden = NOT_ON_LAMBDA | FUNCTIONS[function].must_not_load
    found = {name for name in forbidden for module in modules if f"{module}.".startswith(f"{name}.")}
    return [f"{function} loads {name}" for name in sorted(found)]


def weighs_no_more_than_it_may(name: str, folder: Path) -> list[str]:
    """One artefact, unpacked."""
    size, most = weight(folder), LARGEST_LAYERS.get(name) or FUNCTIONS[name].largest
    return [f"{name} is {size:,} bytes, and may be {most:,}"] if size > most else []


def fits_into_lambda(function: Path, layers: Iterable[Path]) -> list[str]:
    size = sum(weight(folder) for folder in (function, *layers))
    return [f"{function.name} and its layers are {size:,} bytes"] if size > LAMBDAS_LIMIT else []


def starts_in_time(function: str, ratio: float) -> list[str]:
    most = FUNCTIONS[function].longest_start
    return [f"{function} starts in {ratio:.2f} of its floor, and may in {most}"] if ratio > most else []


def weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
