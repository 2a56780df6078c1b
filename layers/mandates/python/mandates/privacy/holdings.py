"""Everything that is held under a customer id."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mandates.core.mandate import Mandate
from mandates.core.subjects import stripe_customer_subject
from mandates.store.customers import Customer, read_customer, read_slot
from mandates.store.mandates import mandates_of, read_heads, read_subjects


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is found under a customer id. Mandates are newest first."""

    customer_id: str
    customer: Customer | None
    slot: Mapping[str, Any] | None
    mandates: Sequence[Mandate]

    @property
    def is_empty(self) -> bool:
        return not (self.customer or self.slot or self.mandates)

    @property
    def stripe_customer_ids(self) -> list[str]:
        """Every Stripe customer that they have had, as far as anything still names it."""
        of_mandates = {mandate.stripe_customer_id for mandate in self.mandates}
        if self.customer is None:
            return sorted(of_mandates)
        linked = {self.customer.stripe_customer_id} if self.customer.stripe_customer_id else set()
        return sorted({*of_mandates, *linked, *self.customer.earlier})


def holdings(customer_id: str) -> Holdings:
    """Everything held under the customer id. It is read strongly consistently, and not only through the
    index, which may lack a mandate that was just made: the checkout names the newest one and those of the
    hour before, and the Stripe customer names all that were activated."""
    customer, slot = read_customer(customer_id), read_slot(customer_id)
    named = {mandate.mandate_id for mandate in mandates_of(customer_id)}
    if slot:
        named |= {slot.mandate_id, *slot.starts}
    if customer and customer.stripe_customer_id:
        key = stripe_customer_subject(customer.stripe_customer_id)
        named |= read_subjects([key])[key].mandates
    theirs = [mandate for mandate in read_heads(named).values() if mandate.customer_id == customer_id]
    theirs.sort(key=lambda mandate: (mandate.created_at, mandate.mandate_id), reverse=True)
    without_params = (
        {name: value for name, value in asdict(slot).items() if name != "params"} if slot else None
    )
    return Holdings(customer_id, customer, without_params, theirs)
