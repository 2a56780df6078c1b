"""Customers: the claim that gives each only one Stripe customer, and their checkout slot."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from mandates.core.changes import Change
from mandates.core.checkout_slot import CheckoutRequest, Refusal, Slot
from mandates.core.clock import Instant
from mandates.core.subjects import stripe_customer_subject
from mandates.store.dynamodb import Key, delete, put, read_row, transaction, update
from mandates.store.mandates import add_change
from mandates.store.tables import CheckoutRow, CustomerRow, SubjectRow


@dataclass(frozen=True, slots=True)
class Customer:
    """`stripe_customer_id` is None while the claim is unresolved: somebody has begun to create it.

    `generation` counts the Stripe customers this customer has had. `claimed_at` is epoch seconds, and so is
    `failed_at`: when Stripe last failed to say whether it made the customer of this claim. `earlier` are the
    Stripe customers that this one had before.
    """

    customer_id: str
    generation: int
    claim_id: str
    claimed_at: int
    created_at: str
    stripe_customer_id: str | None = None
    failed_at: int | None = None
    earlier: tuple[str, ...] = ()


def read_customer(customer_id: str) -> Customer | None:
    row = read_row(CustomerRow, customer_id, CustomerRow.RECORD)
    if row is None:
        return None
    return Customer(
        row.customer_id,
        int(row.generation),
        row.claim_id,
        int(row.claimed_at),
        row.created_at,
        row.stripe_customer_id,
        None if row.failed_at is None else int(row.failed_at),
        tuple(sorted(row.earlier or ())),
    )


def claim_customer(claim: Customer) -> None:
    """Begin a customer id's first Stripe customer. Raises Conflict if somebody else has."""
    nobody_claimed_yet = CustomerRow.customer_id.does_not_exist()
    put(CustomerRow, _values(claim), nobody_claimed_yet)


def renew_claim(before: Customer, claim_id: str, generation: int, now: int) -> Customer:
    """Begin again: after Stripe's customer was deleted, or if a claim is too old to be repeated.

    Raises Conflict if somebody renewed or resolved the claim meanwhile.
    """
    actions: list[Action] = [
        CustomerRow.claim_id.set(claim_id),
        CustomerRow.generation.set(generation),
        CustomerRow.claimed_at.set(now),
        CustomerRow.failed_at.remove(),
        CustomerRow.stripe_customer_id.remove(),
    ]
    gone = {before.stripe_customer_id} if before.stripe_customer_id else set()
    if gone:
        actions.append(CustomerRow.earlier.add(gone))
    update(CustomerRow, _key(before), actions, _still_as_read(before))
    return replace(
        before,
        earlier=tuple(sorted({*before.earlier, *gone})),
        claim_id=claim_id,
        generation=generation,
        claimed_at=now,
        failed_at=None,
        stripe_customer_id=None,
    )


def creation_failed(claim: Customer, now: int) -> None:
    """Note that Stripe may have made this claim's customer just now. Raises Conflict if somebody resolved or
    renewed the claim meanwhile."""
    still_our_claim = (
        CustomerRow.claim_id == claim.claim_id
    ) & CustomerRow.stripe_customer_id.does_not_exist()
    update(CustomerRow, _key(claim), [CustomerRow.failed_at.set(now)], still_our_claim)


def resolve_claim(claim: Customer, stripe_customer_id: str) -> None:
    """Link the claim to its Stripe customer, and that customer to this one alone.

    Raises Conflict if the claim was resolved or renewed meanwhile, or if the Stripe customer is another
    customer's.
    """
    still_our_claim = (
        CustomerRow.claim_id == claim.claim_id
    ) & CustomerRow.stripe_customer_id.does_not_exist()
    not_anothers = SubjectRow.customer_id.does_not_exist() | (SubjectRow.customer_id == claim.customer_id)
    with transaction() as writing:
        writing.update(
            CustomerRow,
            _key(claim),
            [CustomerRow.stripe_customer_id.set(stripe_customer_id)],
            condition=still_our_claim,
        )
        writing.update(
            SubjectRow,
            (stripe_customer_subject(stripe_customer_id),),
            [SubjectRow.in_its_format(), SubjectRow.customer_id.set(claim.customer_id)],
            condition=not_anothers,
        )


def owner_of(stripe_customer_id: str) -> str | None:
    """The customer id that this Stripe customer belongs to, if any."""
    row = read_row(SubjectRow, stripe_customer_subject(stripe_customer_id))
    return row.customer_id if row else None


def delete_customer(customer: Customer) -> None:
    """Delete the customer. No checkout can begin then until the customer is saved again.

    Raises Conflict if the claim was resolved or renewed since it was read. Deleting it twice does no harm.
    """
    gone_or_as_read = CustomerRow.claim_id.does_not_exist() | _still_as_read(customer)
    delete(CustomerRow, _key(customer), gone_or_as_read)


def _still_as_read(customer: Customer) -> Condition:
    """Whether the claim is still the one that was read, and so is its Stripe customer, if any."""
    same_stripe_customer = (
        CustomerRow.stripe_customer_id.does_not_exist()
        if customer.stripe_customer_id is None
        else CustomerRow.stripe_customer_id == customer.stripe_customer_id
    )
    as_read: Condition = (CustomerRow.claim_id == customer.claim_id) & same_stripe_customer
    return as_read


def _key(customer: Customer) -> Key:
    return customer.customer_id, CustomerRow.RECORD


def _values(customer: Customer) -> dict[str, Any]:
    earlier = set(customer.earlier) or None  # a set of DynamoDB's is never empty
    return {**asdict(customer), "record": CustomerRow.RECORD, "earlier": earlier}


# ------------------------------------------------------------------------------------ checkout slot


def read_slot(customer_id: str) -> Slot | None:
    row = read_row(CheckoutRow, customer_id, CheckoutRow.RECORD)
    if row is None:
        return None
    return Slot(
        mandate_id=row.mandate_id,
        request=CheckoutRequest(**row.request),
        params=row.params or {},
        created_at=int(row.created_at),
        expires_at=int(row.expires_at),
        starts=row.starts,
        checkout_session_id=row.checkout_session_id,
        url=row.url,
        refusal=Refusal(**row.refusal) if row.refusal else None,
    )


def take_slot(customer: Customer, slot: Slot, replaces: Slot | None, consent: Change, now: Instant) -> None:
    """Write the new mandate with its consent, and the slot, in one transaction.

    No two can begin from the same slot, so none of its `starts` is lost. Raises Conflict if the slot changed,
    or if `customer` is no longer as it was read, for instance because it was erased meanwhile.
    """
    the_slot_we_read = (
        CheckoutRow.mandate_id.does_not_exist()
        if replaces is None
        else CheckoutRow.mandate_id == replaces.mandate_id
    )
    values = {
        "customer_id": customer.customer_id,
        "record": CheckoutRow.RECORD,
        "mandate_id": slot.mandate_id,
        "request": asdict(slot.request),
        "params": dict(slot.params),
        "created_at": slot.created_at,
        "expires_at": slot.expires_at,
        "starts": dict(slot.starts),
    }
    with transaction() as writing:
        writing.check(CustomerRow, _key(customer), _still_as_read(customer))
        writing.put(CheckoutRow, values, the_slot_we_read)
        add_change(writing, consent, now)


def fill_slot(customer_id: str, mandate_id: str, checkout_session_id: str, url: str) -> None:
    """Record Stripe's answer and delete the parameters. Raises Conflict if another mandate has the slot."""
    still_this_mandates = CheckoutRow.mandate_id == mandate_id
    update(
        CheckoutRow,
        (customer_id, CheckoutRow.RECORD),
        [
            CheckoutRow.checkout_session_id.set(checkout_session_id),
            CheckoutRow.url.set(url),
            CheckoutRow.params.remove(),
        ],
        still_this_mandates,
    )


def refuse_slot(customer_id: str, mandate_id: str, refusal: Refusal) -> None:
    """Record that Stripe refused to create the session. Raises Conflict if it did create it, or if another
    mandate has the slot."""
    still_unresolved = (
        CheckoutRow.mandate_id == mandate_id
    ) & CheckoutRow.checkout_session_id.does_not_exist()
    key = (customer_id, CheckoutRow.RECORD)
    update(CheckoutRow, key, [CheckoutRow.refusal.set(asdict(refusal))], still_unresolved)


def delete_slot(customer_id: str, mandate_id: str) -> None:
    """Delete the slot; twice does no harm. Raises Conflict if another mandate has it by now."""
    gone_or_this_mandates = CheckoutRow.mandate_id.does_not_exist() | (CheckoutRow.mandate_id == mandate_id)
    delete(CheckoutRow, (customer_id, CheckoutRow.RECORD), gone_or_this_mandates)
