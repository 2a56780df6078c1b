"""Exactly one Stripe customer per customer id.

Stripe enforces no uniqueness, and its idempotency keys last a day. So the customer id is first claimed here.
Everyone who finds the claim unresolved asks Stripe under the claim's own key, and Stripe gives all of them
the same customer. If a claim is too old for its key, its customer is searched at Stripe before the claim is
renewed.
"""

from collections.abc import Mapping

import msgspec

from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS
from mandates.core.clock import Clock, Instant, RandomBytes
from mandates.core.errors import CustomerAlreadyLinked, StripeUnavailable
from mandates.core.subjects import stripe_customer_subject
from mandates.gateway.customers import StripeCustomers
from mandates.gateway.error_mapping import AnswerReplayed, ResourceMissing
from mandates.setup.deletions import found_deleted
from mandates.store.conflicts import Conflict, until_no_conflict
from mandates.store.customers import (
    Customer,
    claim_customer,
    creation_failed,
    owner_of,
    read_customer,
    renew_claim,
    resolve_claim,
)
from mandates.store.mandates import read_subjects

SEARCHABLE_AFTER_SECONDS = 300
"""Stripe's search finds a customer about a minute after it was made, or later in an outage:
https://docs.stripe.com/search#data-freshness"""


class Saved(msgspec.Struct, frozen=True):
    """`created` is true only for the call that made the link."""

    customer_id: str
    stripe_customer_id: str
    created: bool


class Customers:
    def __init__(
        self, at_stripe: StripeCustomers, owner_mark: str, clock: Clock, random_bytes: RandomBytes
    ) -> None:
        self._at_stripe = at_stripe
        self._owner_mark = owner_mark
        self._clock = clock
        self._random_bytes = random_bytes

    def save(self, customer_id: str, profile: Mapping[str, str], *, adopt: str | None = None) -> Saved:
        """Create or retrieve the Stripe customer of `customer_id`, or adopt an existing one.

        `profile` may hold `email` and `name`. They are sent to Stripe each time, since nothing here keeps
        them. A customer that turns out to be deleted there is replaced. Safe to repeat and to run many times
        at once. Raises CustomerAlreadyLinked, StripeCustomerUnknown, StripeUnavailable, StripeRefused or
        Busy.
        """
        saved = self._save(customer_id, adopt)
        if profile:
            try:
                self._at_stripe.update(saved.stripe_customer_id, profile)
            except ResourceMissing:
                if not found_deleted(saved.stripe_customer_id, self._at_stripe, self._clock):
                    raise
                saved = self._save(customer_id, adopt)
                self._at_stripe.update(saved.stripe_customer_id, profile)
        return saved

    def _save(self, customer_id: str, adopt: str | None) -> Saved:
        return until_no_conflict(lambda: self._linked(customer_id, adopt))

    def _linked(self, customer_id: str, adopt: str | None) -> Saved:
        """One attempt: read, then do the next step. Raises Conflict if it must be tried again."""
        customer = read_customer(customer_id)
        if customer is None:
            customer = self._claimed(customer_id)
        elif customer.stripe_customer_id is not None:
            if not self._deleted_at_stripe(customer.stripe_customer_id):
                return self._retrieved(customer_id, customer.stripe_customer_id, adopt)
            customer = self._renewed(customer, customer.generation + 1)
        stripe_customer_id = self._stripe_customer_for(customer, adopt)
        try:
            resolve_claim(customer, stripe_customer_id)
        except Conflict:
            if owner_of(stripe_customer_id) not in {None, customer_id}:
                raise CustomerAlreadyLinked("this Stripe customer belongs to another customer") from None
            raise
        return Saved(customer_id, stripe_customer_id, created=True)

    def _retrieved(self, customer_id: str, stripe_customer_id: str, adopt: str | None) -> Saved:
        if adopt not in {None, stripe_customer_id}:
            raise CustomerAlreadyLinked("this customer already has another Stripe customer")
        return Saved(customer_id, stripe_customer_id, created=False)

    def _stripe_customer_for(self, claim: Customer, adopt: str | None) -> str:
        if adopt is not None:
            self._at_stripe.check_exists(adopt)
            return adopt
        now = self._clock()
        no_more_created_since = claim.claimed_at + IDEMPOTENCY_WINDOW_SECONDS
        if now >= no_more_created_since:
            return self._found_or_renewed(claim, no_more_created_since)
        key = f"customer/{claim.generation}/{claim.claim_id}"
        try:
            return self._at_stripe.create(claim.customer_id, self._owner_mark, idempotency_key=key)
        except AnswerReplayed:
            if claim.failed_at is None:
                creation_failed(claim, Instant(self._clock()).seconds)
                raise
            return self._found_or_renewed(claim, claim.failed_at)
        except StripeUnavailable:
            creation_failed(claim, Instant(self._clock()).seconds)
            raise

    def _found_or_renewed(self, claim: Customer, last_created_at: int) -> str:
        """The Stripe customer that this claim made. If it made none, the claim is renewed, to start again.

        Whatever was made until `last_created_at` (epoch seconds) must have had time to appear in the search.
        """
        found = self._at_stripe.find(claim.customer_id, self._owner_mark)
        if found and not self._deleted_at_stripe(found):
            return found
        if self._clock() < last_created_at + SEARCHABLE_AFTER_SECONDS:
            raise StripeUnavailable(
                "Stripe did not say whether it created this customer; try again in a few minutes"
            )
        self._renewed(claim, claim.generation)
        raise Conflict

    def _claimed(self, customer_id: str) -> Customer:
        now = Instant(self._clock())
        claim = Customer(customer_id, 1, self._random_bytes(16).hex(), now.seconds, now.text)
        claim_customer(claim)
        return claim

    def _renewed(self, before: Customer, generation: int) -> Customer:
        claim_id = self._random_bytes(16).hex()
        return renew_claim(before, claim_id, generation, Instant(self._clock()).seconds)

    def _deleted_at_stripe(self, stripe_customer_id: str) -> bool:
        key = stripe_customer_subject(stripe_customer_id)
        return read_subjects([key])[key].withdrawn
