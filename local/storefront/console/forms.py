"""What the forms of the console have in common: their fields, their keys, and what became of them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from local.storefront.console import problems
from local.storefront.console.api import ApiProblem
from local.storefront.console.calls import Call
from local.storefront.console.formatting import NotAnAmount, minor_units, money, short_id
from mandates.core.charging.ids import is_idempotency_key
from mandates.core.currencies import CURRENCIES

type Json = dict[str, Any]

CREATED = 201


class Errors(dict[str, str]):
    """What is wrong with each field; empty for those that are right."""

    def __missing__(self, _: str) -> str:
        return ""


@dataclass
class Sent:
    """A form as it was filled in, what is wrong with it, and what the API answered if that was a problem."""

    values: Json
    errors: Errors = field(default_factory=Errors)
    problem: ApiProblem | None = None

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows it again."""
        if self.problem:
            return problems.status_of(self.problem)
        return 422 if self.errors else 200

    def shown(self) -> Json:
        """`again`: only the same request under the same key tells what became of it."""
        problem = self.problem
        return {
            "values": self.values,
            "errors": self.errors,
            "shown": problem and problems.of_problem(problem),
            "again": problem is not None and problem.unknown_outcome,
            "used_key": problem is not None and problem.code == "idempotency_key_reused",
        }

    def amount(self, currency: str) -> int | None:
        """In minor units; None, and an error, if it is not an amount."""
        try:
            return minor_units(self.values["amount"], currency)
        except NotAnAmount as wrong:
            self.errors["amount"] = str(wrong)
            return None

    def moment(self, name: str) -> str | None:
        """A time in UTC as the API takes it; None without one. Other text is an error."""
        if not self.values[name]:
            return None
        try:
            return f"{datetime.fromisoformat(self.values[name]).replace(tzinfo=None).isoformat()}Z"
        except ValueError:
            self.errors[name] = "Enter a day and a time."
            return None

    def require(self, name: str, message: str) -> None:
        if not self.values[name]:
            self.errors[name] = message


def fields(given: Mapping[str, str], *names: str) -> Json:
    return {name: given.get(name, "").strip() for name in names}


def query_with_key(call: Call) -> str:
    """The query with a new key; empty if it has a key already.

    A form's key is in its address, so that loading the page again keeps it.
    """
    if is_idempotency_key(call.asked("key")):
        return ""
    return urlencode({**call.request.query_params, "key": str(uuid.uuid4())})


def about(mandate: Json) -> Json:
    """What a form says about its mandate."""
    return {"label": label(mandate), "hint": _hint(mandate), "currencies": sorted(CURRENCIES)}


def label(mandate: Json) -> str:
    return str(mandate["label"] or short_id(mandate["mandate_id"]))


def agreed_currency(mandate: Json) -> str:
    agreed = mandate.get("permission")
    return str(agreed["limits"]["currency"]) if agreed else "usd"


def _hint(mandate: Json) -> str:
    said = []
    if agreed := mandate.get("permission"):
        amount, limits = agreed["amount"], agreed["limits"]
        if amount["kind"] == "fixed":
            said.append(f"Agreed: exactly {money(amount['amount'], limits['currency'])}.")
        else:
            said.append(f"Agreed: up to {money(limits['per_charge'], limits['currency'])}.")
    if spending := mandate.get("spending"):
        said.append(f"Left of this period: {money(spending['left'], spending['currency'])}.")
    return " ".join(said)
