"""Stripe, simulated: customers, Checkout in setup mode with Amazon Pay, mandates, payments while the customer
is away, refunds, disputes, the books, events and webhooks.

The real SDK talks to it (``base_addresses={"api": url}``). It is faithful where code can go wrong: it refuses
unknown parameters, honours idempotency keys, signs and retries webhooks, and delivers them in no order. It
can be told to misbehave. Where Stripe's documentation is silent, a comment says what is assumed.

    with running_simulator() as stripe:
        client = StripeClient("sk_test_placeholder", base_addresses={"api": stripe.url})
        ...
        stripe.core.authorize(session.id)

The core (``simulator``) has no network, clock or randomness of its own. Around it:

- ``resources``: one file per Stripe resource, with its endpoints, objects, states and actions
- ``account``: the objects and events; ``lifecycle``: the one place that changes an object's state
- ``api``: a request's way to its endpoint, through ``idempotency``, ``parameters`` and ``expansion``
- ``outbox`` and ``dispatcher``: the webhooks to deliver, and their delivery over HTTP
- ``hosted_page``: what a buyer sees; ``control``, ``faults``, ``payments`` and ``refunding``: for tests
- ``server``, ``running``, ``sdk``: the simulator over HTTP, in a thread, and under the SDK without a socket
"""

from .errors import NotPossible
from .faults import FaultPlan
from .payments import PaymentPlan
from .refunding import RefundPlan
from .running import RunningSimulator, running_simulator
from .sdk import DirectClient
from .server import create_app
from .settings import Settings
from .simulator import Simulator

__all__ = [
    "DirectClient",
    "FaultPlan",
    "NotPossible",
    "PaymentPlan",
    "RefundPlan",
    "RunningSimulator",
    "Settings",
    "Simulator",
    "create_app",
    "running_simulator",
]
