"""What each function may load and weigh, each rule as a function to the list of what is wrong."""

from collections.abc import Iterable, Mapping
from pathlib import Path

NOT_ON_LAMBDA = frozenset({"boto3", "pydantic", "httpx", "pytest", "moto", "local", "ops", "tests"})

FORBIDDEN: Mapping[str, frozenset[str]] = {
    "AuthorizeRequest": frozenset({"stripe", "pynamodb", "requests", "botocore.session"}),
    "CreateCheckoutSession": frozenset({"jwt", "cryptography"}),
    "CreateCustomer": frozenset({"jwt", "cryptography"}),
    "ExportEvidence": frozenset({"stripe", "requests", "jwt", "cryptography", "typst"}),
    "ProcessWebhook": frozenset({"stripe", "requests", "jwt", "cryptography"}),
    "PublishChanges": frozenset({"stripe", "pynamodb", "requests", "jwt", "cryptography"}),
    "QueueWithdrawals": frozenset({"stripe", "pynamodb", "requests", "jwt", "cryptography"}),
    "ReadCheckoutSession": frozenset({"jwt", "cryptography"}),
    "ReadMandates": frozenset({"stripe", "requests", "jwt", "cryptography", "zoneinfo"}),
    "ReadTerms": frozenset({"stripe", "requests", "jwt", "cryptography"}),
    "ReceiveWebhook": frozenset(
        {"stripe", "pynamodb", "requests", "jwt", "cryptography", "mandates.core.stripe_events"}
    ),
    "RecordReturn": frozenset({"stripe", "requests", "jwt", "cryptography", "zoneinfo"}),
    "ReconcileEvents": frozenset({"jwt", "cryptography"}),
    "RegisterWebhook": frozenset({"pynamodb", "jwt", "cryptography"}),
    "RenderEvidence": frozenset({"stripe", "requests", "jwt", "cryptography"}),
    "RevokeMandate": frozenset({"stripe", "requests", "jwt", "cryptography", "zoneinfo"}),
    "SettleWithdrawals": frozenset({"jwt", "cryptography"}),
}
"""By function: packages or modules that must not be loaded once it started, beside those that never may."""

MEGABYTE = 1024 * 1024
LAMBDAS_LIMIT = 250 * MEGABYTE
"""A function and its layers, unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

LARGEST: Mapping[str, int] = {
    "DependenciesLayer": 60 * MEGABYTE,  # 54 MB: stripe 30, cryptography 15, each with its bytecode
    "MandatesLayer": 2 * MEGABYTE,
    "RenderEvidence": 130 * MEGABYTE,  # the fonts
}
OF_ANY_OTHER_FUNCTION = 64 * 1024
"""A function is one short file and its bytecode."""

LONGEST_START: Mapping[str, float] = {
    "AuthorizeRequest": 6.0,  # its floor makes no client: it is the interpreter and the runtime client
    "CreateCheckoutSession": 2.6,  # pynamodb and stripe
    "CreateCustomer": 2.6,
    "ExportEvidence": 1.8,  # pynamodb
    "ProcessWebhook": 1.8,
    "PublishChanges": 1.4,  # nothing but its clients
    "QueueWithdrawals": 1.4,
    "ReadCheckoutSession": 2.6,
    "ReadMandates": 2.0,
    "ReadTerms": 1.8,
    "ReceiveWebhook": 1.4,
    "RecordReturn": 1.8,
    "ReconcileEvents": 2.3,
    "RegisterWebhook": 2.1,  # stripe
    "RenderEvidence": 1.9,
    "RevokeMandate": 1.8,
    "SettleWithdrawals": 2.4,
}
"""By function: the CPU of a start, as a ratio to that of a handler that only makes its AWS clients.

A third to a half above what docs/performance.md has, for any busy machine; `make bench` measures exactly.
"""


def loads_nothing_forbidden(function: str, modules: Iterable[str]) -> list[str]:
    if function not in FORBIDDEN:
        return [f"{function} has no list of what it must not load: add it to tests/budget/budgets.py"]
    forbidden = NOT_ON_LAMBDA | FORBIDDEN[function]
    found = {name for name in forbidden for module in modules if f"{module}.".startswith(f"{name}.")}
    return [f"{function} loads {name}" for name in sorted(found)]


def weighs_no_more_than_it_may(name: str, folder: Path) -> list[str]:
    """One artefact, unpacked."""
    size, most = weight(folder), LARGEST.get(name, OF_ANY_OTHER_FUNCTION)
    return [f"{name} is {size:,} bytes, and may be {most:,}"] if size > most else []


def fits_into_lambda(function: Path, layers: Iterable[Path]) -> list[str]:
    size = sum(weight(folder) for folder in (function, *layers))
    return [f"{function.name} and its layers are {size:,} bytes"] if size > LAMBDAS_LIMIT else []


def starts_in_time(function: str, ratio: float) -> list[str]:
    if function not in LONGEST_START:
        return [f"{function} has no longest start: add it to tests/budget/budgets.py"]
    most = LONGEST_START[function]
    return [f"{function} starts in {ratio:.2f} of its floor, and may in {most}"] if ratio > most else []


def weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
