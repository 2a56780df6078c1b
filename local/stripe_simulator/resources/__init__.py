"""Stripe's resources, one file each.

To add one, write its file and name it in ``RESOURCES``. Routes, expansions and control actions follow from
its ``RESOURCE``. Its tests: name the SDK's class in ``sdk_types.py``, make one in ``test_conformance.py``,
and bring about each of its transitions in ``test_lifecycles.py``, all in
``tests/component/stripe_simulator``. Those tests fail until that is done.
"""

from collections.abc import Iterable, Mapping

from local.stripe_simulator.resource import Action
from local.stripe_simulator.routing import Router

from . import (
    balance,
    charges,
    checkout_sessions,
    customers,
    disputes,
    events,
    mandates,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
    tampering,
    webhook_endpoints,
)

RESOURCES = (
    balance.RESOURCE,
    charges.RESOURCE,
    checkout_sessions.RESOURCE,
    customers.RESOURCE,
    disputes.RESOURCE,
    events.RESOURCE,
    mandates.RESOURCE,
    payment_intents.RESOURCE,
    payment_methods.RESOURCE,
    refunds.RESOURCE,
    setup_intents.RESOURCE,
    tampering.RESOURCE,
    webhook_endpoints.RESOURCE,
)


def united[T](mappings: Iterable[Mapping[str, T]]) -> dict[str, T]:
    """One mapping of all. Raises ``ValueError`` if two resources claim the same attribute or path."""
    united: dict[str, T] = {}
    for mapping in mappings:
        if claimed := united.keys() & mapping.keys():
            raise ValueError(f"claimed by two resources: {sorted(claimed)}")
        united |= mapping
    return united


ROUTER = Router(operation for resource in RESOURCES for operation in resource.operations)
REFERENCES = united(resource.references for resource in RESOURCES)
CONTAINERS = frozenset(name for resource in RESOURCES for name in resource.containers)
ACTIONS: dict[str, type[Action]] = united(resource.actions for resource in RESOURCES)
