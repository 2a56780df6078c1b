"""What the checks of a rehearsal share: payments of its own at Stripe, and how they are undone."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mandates.core.charging.books import CANCELABLE
from mandates.core.stripe_events.projection import METADATA_OWNER_MARK, METADATA_REFUND
from mandates.gateway.payment_intents import confirm_params, create_params
from ops.rehearsal.raw_stripe import Answer, NotTried, RawStripe

INTENTS = "/v1/payment_intents"
REFUNDS = "/v1/refunds"
NAMED_NOWHERE = "rehearsal"
"""In place of the ids of a mandate and a charge: these payments belong to none."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays in the rehearsal: an authorised payment method and its customer, both at Stripe."""

    payment_method: str
    customer: str


@dataclass
class Trial:
    """Payments of the rehearsal. `mark` is no stack's, so every stack takes them for a stranger's.

    `amount` is in minor units. What several checks need is made once, for the first of them.
    """

    stripe: RawStripe
    payer: Payer
    mark: str
    amount: int
    currency: str
    ends_payment_method: bool = False
    clock: Callable[[], float] = time.time
    made: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        """A new idempotency key."""
        return f"{self.mark}/{next(self._numbers)}"

    def create_params(self, **changes: Any) -> dict[str, Any]:
        """Those that a charge's intent is created with."""
        params = create_params(
            charge_id=NAMED_NOWHERE,
            mandate_id=NAMED_NOWHERE,
            owner_mark=self.mark,
            stripe_customer_id=self.payer.customer,
            amount=self.amount,
            currency=self.currency,
            reference=NAMED_NOWHERE,
            description="A rehearsal. It is refunded.",
            statement_descriptor=None,
        )
        return {**params, **changes}

    def confirm_params(self, **changes: Any) -> dict[str, Any]:
        """Those that a charge's attempt is confirmed with."""
        return {**confirm_params(payment_method_id=self.payer.payment_method), **changes}

    def create(self, key: str = "", **changes: Any) -> Answer:
        """Create an intent, which is undone in the end. Raises NotTried if its money would be real."""
        answer = self.stripe.post(INTENTS, key or self.key(), self.create_params(**changes))
        if not answer.is_refusal:
            if answer.body["id"] not in self.made:
                self.made.append(answer.body["id"])
            if answer.body.get("livemode") is not False:
                raise NotTried("the key is not a sandbox's")
        return answer

    def created(self) -> str:
        """The id of a new intent."""
        answer = self.create()
        if answer.is_refusal:
            raise NotTried(f"no intent could be created: {answer.in_short}")
        return str(answer.body["id"])

    def confirm(self, intent: str, key: str = "", **changes: Any) -> Answer:
        return self.stripe.post(
            f"{INTENTS}/{intent}/confirm", key or self.key(), self.confirm_params(**changes)
        )

    def cancel(self, intent: str) -> Answer:
        return self.stripe.post(f"{INTENTS}/{intent}/cancel", self.key(), {})

    def intent(self, intent: str) -> Mapping[str, Any]:
        return self.stripe.get(f"{INTENTS}/{intent}", expand=["latest_charge"]).body

    def refund(self, amount: int, key: str = "") -> Answer:
        """Refund a part of `paid`, with metadata as our refunds have it."""
        params = {
            "payment_intent": self.paid["id"],
            "amount": amount,
            "metadata": {METADATA_OWNER_MARK: self.mark, METADATA_REFUND: f"{NAMED_NOWHERE}-{amount}"},
        }
        return self.stripe.post(REFUNDS, key or self.key(), params)

    # ------------------------------------------------------------------------------------ made once

    @cached_property
    def stripe_mandate(self) -> str | None:
        """What Stripe calls a Mandate, if the set-up named one. Raises NotTried."""
        set_ups = self.stripe.get("/v1/setup_intents", payment_method=self.payer.payment_method, limit=100)
        named = [one["mandate"] for one in set_ups.body["data"] if one["status"] == "succeeded"]
        if not named:
            raise NotTried("no set-up of this payment method is known")
        return str(named[0]) if named[0] else None

    @cached_property
    def creation_key(self) -> str:
        return self.key()

    @cached_property
    def confirm_key(self) -> str:
        return self.key()

    @cached_property
    def creation(self) -> Answer:
        """The answer to the creation of the intent that is paid."""
        return self.create(self.creation_key)

    @cached_property
    def confirmation(self) -> Answer:
        """The answer to its confirm."""
        if self.creation.is_refusal:
            raise NotTried(f"no intent could be created: {self.creation.in_short}")
        return self.confirm(self.creation.body["id"], self.confirm_key)

    @cached_property
    def paid(self) -> Mapping[str, Any]:
        """The intent once it has succeeded, with its charge. Raises NotTried."""
        if self.confirmation.is_refusal:
            raise NotTried(f"the payment was refused: {self.confirmation.in_short}")

        def succeeded() -> Mapping[str, Any] | None:
            intent = self.intent(self.creation.body["id"])
            return intent if intent["status"] == "succeeded" else None

        found: Mapping[str, Any] = self.stripe.until(succeeded, "the payment's success")
        return found

    @cached_property
    def part(self) -> int:
        """The amount of the first refund: less than half."""
        return self.amount * 2 // 5

    @cached_property
    def refund_key(self) -> str:
        return self.key()

    @cached_property
    def part_refund(self) -> Mapping[str, Any]:
        """A refund of a part. Raises NotTried."""
        answer = self.refund(self.part, self.refund_key)
        if answer.is_refusal:
            raise NotTried(f"the refund was refused: {answer.in_short}")
        return answer.body

    @cached_property
    def canceled(self) -> str:
        """The id of an intent that was cancelled. Raises NotTried."""
        intent = self.created()
        if (answer := self.cancel(intent)).is_refusal:
            raise NotTried(f"the cancellation was refused: {answer.in_short}")
        return intent

    # ---------------------------------------------------------------------------------------- undo

    def undo(self) -> list[str]:
        """Cancel or refund every intent that was made. Returns what could not be undone, for a person."""
        return [line for intent in self.made if (line := self._undo(intent))]

    def _undo(self, intent: str) -> str:
        try:
            known = self.intent(intent)
            if known["status"] in CANCELABLE:
                self.cancel(intent)
            elif known["status"] == "succeeded":
                self._refund_the_rest(intent, known["amount_received"])
            after = self.intent(intent)
            left = after["amount_received"] - self._refunded(intent)
        except (NotTried, KeyError) as error:
            return f"{intent}: {error}"
        if after["status"] == "canceled" or (after["status"] == "succeeded" and not left):
            return ""
        return f"{intent} is {after['status']}, and {left} of it are not refunded"

    def _refund_the_rest(self, intent: str, received: int) -> None:
        if left := received - self._refunded(intent):
            self.stripe.post(REFUNDS, self.key(), {"payment_intent": intent, "amount": left})

    def _refunded(self, intent: str) -> int:
        refunds = self.stripe.get(REFUNDS, payment_intent=intent, limit=100).body.get("data", [])
        return sum(one["amount"] for one in refunds if one["status"] not in {"failed", "canceled"})
