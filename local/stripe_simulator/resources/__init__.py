"""Stripe's resources, one module each. A new one needs a module with ``OPERATIONS`` and a line here; what
other objects may refer to it by belongs in ``expansion``."""

from local.stripe_simulator.routing import Router

from . import (
    checkout_sessions,
    customers,
    events,
    mandates,
    payment_methods,
    setup_intents,
    webhook_endpoints,
)

ROUTER = Router(
    [
        *checkout_sessions.OPERATIONS,
        *customers.OPERATIONS,
        *events.OPERATIONS,
        *mandates.OPERATIONS,
        *payment_methods.OPERATIONS,
        *setup_intents.OPERATIONS,
        *webhook_endpoints.OPERATIONS,
    ]
)
