"""How refunds turn out, on purpose.

A plan is one JSON document, sent to ``POST /_control/refunds``. It replaces the previous plan; with ``{}``
every refund is ``pending`` and then succeeds. Unknown members are refused. Durations are seconds.

    {
      "refunds": [
        {"amount": 4200, "outcome": "failed", "reason": "declined", "times": 1},
        {"payment_intent": "pi_...", "outcome": "pending"},
        {"outcome": "succeeded", "seconds": 0, "answer": "lost", "times": 1}
      ]
    }

Each entry matches refunds through the API by ``payment_intent`` and ``amount`` (without one, any), and the
next ``times`` of them (without it, all). The first that matches decides. Refunds are asynchronous
(https://docs.stripe.com/payments/amazon-pay#refunds), so the outcomes begin with ``pending``:

``succeeded``
    It succeeds after ``seconds``. With 0 the answer says so already.
``failed``
    It fails after ``seconds`` because of ``reason``, and the amount can be refunded again. With
    ``after_success`` it succeeds after ``seconds``, and fails this much later
    (https://docs.stripe.com/refunds#failed-refunds).
``pending``
    It stays so until an action on it: ``succeed``, ``fail`` or ``cancel``. ``requires_action``: its status is
    that instead.
``refused``
    ``status`` with ``code`` and ``param``, if they are given. There is no refund.
``nothing``
    Nothing is done, and ``answer`` can't be "given".

``answer`` is what the client gets. "given": the refund, or the refusal. "lost": the connection is closed
without an answer. "server_error": a 500, which is replayed under the idempotency key although the outcome
stands.
"""

from collections import Counter
from typing import Literal

import msgspec
from msgspec import Struct

from .faults import Answer, Count, Seconds
from .payments import Amount, Code

type FailureReason = Literal[
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
]
"""https://docs.stripe.com/api/refunds/object#refund_object-failure_reason"""


class _Scripted(Struct, frozen=True, forbid_unknown_fields=True, tag_field="outcome", kw_only=True):
    payment_intent: str | None = None
    amount: Amount | None = None
    times: Count | None = None
    answer: Answer = "given"

    def matches(self, payment_intent: str, amount: int) -> bool:
        return self.payment_intent in {None, payment_intent} and self.amount in {None, amount}


class Succeeded(_Scripted, frozen=True, tag="succeeded", kw_only=True):
    seconds: Seconds = 60.0


class Failed(_Scripted, frozen=True, tag="failed", kw_only=True):
    seconds: Seconds = 60.0
    reason: FailureReason = "unknown"
    after_success: Seconds | None = None


class Pending(_Scripted, frozen=True, tag="pending", kw_only=True):
    requires_action: bool = False


class Refused(_Scripted, frozen=True, tag="refused", kw_only=True):
    code: Code | None = None
    param: str | None = None
    status: Literal[400, 402, 403, 404] = 400


class Nothing(_Scripted, frozen=True, tag="nothing", kw_only=True):
    answer: Literal["lost", "server_error"] = "lost"


type Outcome = Succeeded | Failed | Pending | Refused | Nothing


class RefundPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan; see the module's description."""

    refunds: tuple[Outcome, ...] = ()

    @classmethod
    def parse(cls, plan: object) -> "RefundPlan":
        """Raises ``msgspec.ValidationError``, which names the wrong member."""
        return msgspec.convert(plan, cls)


class RefundState:
    """A plan in force: how often its entries have decided."""

    def __init__(self, plan: RefundPlan, usual_seconds: float) -> None:
        self.plan = plan
        self._usual = Succeeded(seconds=usual_seconds)
        self._hits: Counter[int] = Counter()

    def next(self, payment_intent: str, amount: int) -> Outcome:
        """How a refund turns out."""
        for index, outcome in enumerate(self.plan.refunds):
            used_up = outcome.times is not None and self._hits[index] >= outcome.times
            if outcome.matches(payment_intent, amount) and not used_up:
                self._hits[index] += 1
                return outcome
        return self._usual


MAGIC_REFUNDS = RefundPlan(
    (
        Failed(amount=2001),
        Failed(amount=2002, after_success=60.0),
        Pending(amount=2003),
        Refused(amount=2004, code="charge_not_refundable"),
        Succeeded(amount=2005, seconds=0.0),
        Succeeded(amount=2021, answer="lost", times=1),
        Succeeded(amount=2022, answer="server_error", times=1),
        Nothing(amount=2023, answer="lost", times=1),
        Nothing(amount=2024, answer="server_error", times=1),
    )
)
"""For people who try it by hand: the plan of ``python -m local.stripe_simulator`` until another one is sent.

Refunds of 20.01 and 20.02 fail, at first or after they succeeded. 20.03 stays ``pending``, 20.04 is refused,
and 20.05 succeeds at once. 20.21 to 20.24 have no answer or a 500, with and without the money given back.
"""
