"""How payments turn out, on purpose.

A plan is one JSON document, sent to ``POST /_control/payments``. It replaces the previous plan; with ``{}``
every payment succeeds. Unknown members are refused. Durations are seconds.

    {
      "payments": [
        {"amount": 4200, "outcome": "declined", "code": "payment_method_provider_decline", "times": 2},
        {"payment_method": "pm_...", "outcome": "processing", "seconds": 3600, "then": "failed"},
        {"outcome": "succeeded", "answer": "lost", "times": 1}
      ]
    }

Each entry matches attempts by ``payment_method`` and ``amount`` (without one, any), and the next ``times`` of
them (without it, all). The first that matches decides; an attempt that none matches succeeds. The outcomes:

``succeeded``
    The money is taken. ``funding`` is what the charge tells of the card behind the account: "card"; "none" if
    there is another or none; "unsaid" if the charge has no ``payment_method_details``.
``declined``
    402. The attempt fails and the intent waits for another one. The error has ``code``, and ``decline_code``
    and ``advice_code`` if they are given. ``charge: false``: the failure makes no charge, so the intent's
    ``latest_charge`` stays as it was.
``refused``
    ``status`` (400 or 404) with ``code``. The intent does not change, and no event is sent.
``requires_action``
    The customer has to do something. With ``error_on_requires_action`` the attempt fails; without it the
    intent is ``requires_action`` until an action on it, ``succeed``, ``fail`` or ``cancel``.
``processing``
    The outcome comes later: ``then`` after ``seconds``, "succeeded" or "failed" with ``code``. Without
    ``then`` it stays until the action ``succeed`` or ``fail``.
``nothing``
    Nothing is done, and ``answer`` can't be "given".

``answer`` is what the client gets. "given": the outcome. "lost": the connection is closed without an answer.
"server_error": a 500, which is replayed under the idempotency key although the outcome stands.
"""

from collections import Counter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .faults import Answer, Count, Seconds

type Amount = Annotated[int, Meta(ge=1)]
type Code = Annotated[str, Meta(pattern=r"^[a-z0-9_]+$")]
type Funding = Literal["card", "none", "unsaid"]

DECLINED = "payment_method_provider_decline"


class _Scripted(Struct, frozen=True, forbid_unknown_fields=True, tag_field="outcome", kw_only=True):
    payment_method: str | None = None
    amount: Amount | None = None
    times: Count | None = None
    answer: Answer = "given"

    def matches(self, payment_method: str, amount: int) -> bool:
        return self.payment_method in {None, payment_method} and self.amount in {None, amount}


class Succeeded(_Scripted, frozen=True, tag="succeeded"):
    funding: Funding = "card"


class Declined(_Scripted, frozen=True, tag="declined", kw_only=True):
    code: Code = DECLINED
    decline_code: Code | None = None
    advice_code: Code | None = None
    charge: bool = True


class Refused(_Scripted, frozen=True, tag="refused", kw_only=True):
    code: Code
    param: str | None = None
    status: Literal[400, 404] = 400


class RequiresAction(_Scripted, frozen=True, tag="requires_action"):
    pass


class Processing(_Scripted, frozen=True, tag="processing", kw_only=True):
    then: Literal["succeeded", "failed"] | None = None
    seconds: Seconds = 60.0
    code: Code = DECLINED


class Nothing(_Scripted, frozen=True, tag="nothing", kw_only=True):
    answer: Literal["lost", "server_error"] = "lost"


type Outcome = Succeeded | Declined | Refused | RequiresAction | Processing | Nothing


class PaymentPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan; see the module's description."""

    payments: tuple[Outcome, ...] = ()

    @classmethod
    def parse(cls, plan: object) -> "PaymentPlan":
        """Raises ``msgspec.ValidationError``, which names the wrong member."""
        return msgspec.convert(plan, cls)


class PaymentState:
    """A plan in force: how often its entries have decided."""

    def __init__(self, plan: PaymentPlan) -> None:
        self.plan = plan
        self._hits: Counter[int] = Counter()

    def next(self, payment_method: str, amount: int) -> Outcome:
        """How an attempt turns out."""
        for index, outcome in enumerate(self.plan.payments):
            used_up = outcome.times is not None and self._hits[index] >= outcome.times
            if outcome.matches(payment_method, amount) and not used_up:
                self._hits[index] += 1
                return outcome
        return Succeeded()


MAGIC_AMOUNTS = PaymentPlan(
    (
        Declined(amount=1001),
        Declined(amount=1002, code="payment_method_customer_decline"),
        Refused(amount=1003, code="payment_method_currency_mismatch"),
        Refused(amount=1004, code="payment_intent_mandate_invalid"),
        Refused(amount=1005, code="payment_method_unexpected_state"),
        Refused(amount=1006, code="payment_method_unactivated"),
        RequiresAction(amount=1007),
        Processing(amount=1011, then="succeeded"),
        Processing(amount=1012, then="failed"),
        Processing(amount=1013),
        Succeeded(amount=1021, answer="lost", times=1),
        Succeeded(amount=1022, answer="server_error", times=1),
        Nothing(amount=1023, answer="lost", times=1),
        Nothing(amount=1024, answer="server_error", times=1),
    )
)
"""For people who try it by hand: the plan of ``python -m local.stripe_simulator`` until another one is sent.

10.01 to 10.07 fail, one amount for each thing that a refusal can mean; 10.11 to 10.13 are ``processing``, and
then succeed, fail or stay; 10.21 to 10.24 have no answer or a 500, with and without the money taken.
"""
