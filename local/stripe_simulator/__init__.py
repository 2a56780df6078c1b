"""Stripe, simulated: customers, Checkout in setup mode with Amazon Pay, mandates, events and webhooks.

The real SDK talks to it (``base_addresses={"api": url}``). It is faithful where code can go wrong: it refuses
unknown parameters, honours idempotency keys, signs and retries webhooks, delivers them in no order, and can
be told to misbehave. What Stripe does not document is marked where it is assumed.

    with running_simulator() as stripe:
        client = StripeClient("sk_test_placeholder", base_addresses={"api": stripe.url})
        ...
        stripe.core.authorize(session.id)

The core (``Simulator``) has no network, clock or randomness of its own. Around it: ``api`` and ``resources``
are Stripe's API, ``buyer`` is what happens elsewhere, ``webhooks`` and ``dispatcher`` deliver,
``checkout_page`` and ``pages`` are what a buyer sees, ``control`` and ``faults`` are for tests.
"""

from .errors import NotPossible
from .faults import FaultPlan
from .running import RunningSimulator, running_simulator
from .sdk import DirectClient
from .server import create_app
from .settings import Settings
from .simulator import Simulator

__all__ = [
    "DirectClient",
    "FaultPlan",
    "NotPossible",
    "RunningSimulator",
    "Settings",
    "Simulator",
    "create_app",
    "running_simulator",
]
