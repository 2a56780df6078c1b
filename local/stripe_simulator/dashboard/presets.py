"""The three plans of what goes wrong: how a page shows one, and those that a developer wants most often.

The whole language is in `faults`, `payments` and `refunding`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from local.stripe_simulator.faults import FaultPlan
from local.stripe_simulator.payments import MAGIC_AMOUNTS, PaymentPlan
from local.stripe_simulator.refunding import MAGIC_REFUNDS, RefundPlan

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One of the three plans. `presets` are under their words."""

    title: str
    help: str
    plan: type[Struct]
    presets: Mapping[str, Struct]

    def words_for(self, plan: Struct) -> str | None:
        """Of the preset that it is, if it is one."""
        return next((words for words, preset in self.presets.items() if preset == plan), None)


def _faults(**members: Any) -> FaultPlan:
    return FaultPlan.parse(members)


def _payments(**outcome: Any) -> PaymentPlan:
    return PaymentPlan.parse({"payments": [outcome]})


def _refunds(**outcome: Any) -> RefundPlan:
    return RefundPlan.parse({"refunds": [outcome]})


KINDS: Mapping[str, Kind] = {
    "faults": Kind(
        "Faults of the API and of webhooks",
        "Without a plan everything works.",
        FaultPlan,
        {
            "Stripe is down": _faults(api=[{"effect": "server_error", "status": 503}]),
            "Stripe takes 3 seconds": _faults(api=[{"effect": "latency", "seconds": 3}]),
            "Too many requests": _faults(api=[{"effect": "rate_limit"}]),
            "Webhooks get lost": _faults(webhooks={"drop_probability": 1, "dropped": "lost"}),
            "Webhooks wait": _faults(webhooks={"outage": True}),
            "Webhooks come twice": _faults(webhooks={"copies": 2}),
            "Webhooks come 10 seconds late": _faults(webhooks={"delay": 10}),
        },
    ),
    "payments": Kind(
        "How payments turn out",
        "Without a plan every payment succeeds.",
        PaymentPlan,
        {
            "By their amounts: 1001 to 1024 are special": MAGIC_AMOUNTS,
            "Declined, may be tried again": _payments(outcome="declined", code="insufficient_funds"),
            "Declined by Amazon": _payments(outcome="declined"),
            "The mandate is no longer valid": _payments(
                outcome="refused", code="payment_intent_mandate_invalid"
            ),
            "The customer has to act": _payments(outcome="requires_action"),
            "Processing, no outcome": _payments(outcome="processing"),
            "Processing, then succeeded": _payments(outcome="processing", then="succeeded", seconds=10),
            "Taken, but the answer is lost": _payments(outcome="succeeded", answer="lost", times=1),
        },
    ),
    "refunds": Kind(
        "How refunds turn out",
        "Without a plan a refund succeeds after a minute.",
        RefundPlan,
        {
            "By their amounts": MAGIC_REFUNDS,
            "Pending, no outcome": _refunds(outcome="pending"),
            "Failed after 5 seconds": _refunds(outcome="failed", seconds=5),
            "Refused": _refunds(outcome="refused"),
        },
    ),
}


def as_text(plan: Struct) -> str:
    """The plan as JSON without what is usual, each entry of a list on a line of its own."""
    members = []
    for name, value in _told(plan).items():
        if isinstance(value, list):
            entries = ",\n".join(f"    {json.dumps(entry)}" for entry in value)
            members.append(f"  {json.dumps(name)}: [\n{entries}\n  ]")
        else:
            members.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(members) + "\n}" if members else "{}"


def _told(plan: Any) -> Any:
    if isinstance(plan, list | tuple):
        return [_told(entry) for entry in plan]
    if not isinstance(plan, Struct):
        return plan
    fields = {field.name: field for field in msgspec.structs.fields(plan)}
    tag = {name: value for name, value in msgspec.to_builtins(plan).items() if name not in fields}
    members = {name: getattr(plan, name) for name in fields}
    return tag | {name: _told(value) for name, value in members.items() if value != _usual(fields[name])}


def _usual(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()
