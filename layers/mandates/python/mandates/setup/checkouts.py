"""From a customer's consent to a Stripe Checkout Session that they can be sent to, exactly once.

The consent and every parameter for Stripe are written before Stripe is called. After a crash or a lost
answer, the next request finds them and repeats the same call under the same key.
"""

import base64
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from mandates.core.changes import Change, Contribution, Subject, change
from mandates.core.checkout import (
    MOST_STARTS,
    Abandon,
    CheckoutStep,
    Refuse,
    Replace,
    Resume,
    Reuse,
    Start,
    checkout_step,
    recent_starts,
    wait_before_another,
)
from mandates.core.checkout_slot import CheckoutRequest, Refusal, Slot
from mandates.core.checkout_times import SESSION_LIFETIME_SECONDS
from mandates.core.clock import Clock, Instant, RandomBytes
from mandates.core.errors import CustomerRequired, RedirectRefusedByStripe, TooManyCheckouts
from mandates.core.facts import Fact, Kind, ids
from mandates.core.ledger import keep_beside
from mandates.core.mandate import Mandate
from mandates.core.redirects import return_address
from mandates.core.return_tokens import expecting, new_token
from mandates.core.stripe_sessions import facts_about
from mandates.core.subjects import stripe_customer_subject
from mandates.core.terms import Terms
from mandates.gateway.checkout_sessions import CheckoutSession, SessionNotOpen, setup_session_params
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import AnswerReplayed, RequestRejected, ResourceMissing
from mandates.ledger.contributing import contribute, contribute_ours, statuses
from mandates.setup.deletions import found_deleted
from mandates.store.conflicts import until_no_conflict
from mandates.store.customers import Customer, fill_slot, read_customer, read_slot, refuse_slot, take_slot
from mandates.store.mandates import read_heads, read_subjects

SOURCE = "api:create_checkout_session"


class Consent(msgspec.Struct, frozen=True):
    """What the customer agreed to, and how we know. `personal` is kept beside the ledger."""

    customer_id: str
    terms: Terms
    request: CheckoutRequest
    personal: Mapping[str, str]


class Opened(msgspec.Struct, frozen=True):
    """`expires_at` is in epoch seconds. `created` is false if the same open session is returned again."""

    mandate_id: str
    checkout_session_id: str
    url: str
    expires_at: int
    created: bool


class Checkouts:
    def __init__(self, gateway: Gateway, owner_mark: str, clock: Clock, random_bytes: RandomBytes) -> None:
        self._gateway = gateway
        self._owner_mark = owner_mark
        self._clock = clock
        self._random_bytes = random_bytes

    def open(self, consent: Consent) -> Opened:
        """Record the consent and open a session for it, or return the session that is open for the same
        request.

        Raises CustomerRequired, TooManyCheckouts, StripeUnavailable, StripeRefused or Busy. After any of them
        the same request can be repeated, and goes on from where this one stopped. UnknownAtStripe, a
        StripeRefused, is about the previous session: it may still be open, so no other is opened beside it.
        Raises RedirectRefusedByStripe until the request names another URL.
        """
        return until_no_conflict(lambda: self._attempt(consent))

    def _attempt(self, consent: Consent) -> Opened:
        customer, stripe_customer_id = self._linked_customer(consent.customer_id)
        slot = read_slot(consent.customer_id)
        opened = self._earlier_session(consent.customer_id, self._step(slot, consent.request))
        if opened:
            return opened
        begun = self._begin(consent, customer, stripe_customer_id, replaces=slot)
        return self._create(consent.customer_id, begun, created=True)

    def _linked_customer(self, customer_id: str) -> tuple[Customer, str]:
        customer = read_customer(customer_id)
        stripe_customer_id = customer.stripe_customer_id if customer else None
        if customer and stripe_customer_id:
            key = stripe_customer_subject(stripe_customer_id)
            if not read_subjects([key])[key].withdrawn:
                return customer, stripe_customer_id
        raise CustomerRequired("there is no Stripe customer for you yet: PUT /customers/{customer_id} first")

    def _step(self, slot: Slot | None, request: CheckoutRequest) -> CheckoutStep:
        heads = read_heads([slot.mandate_id] if slot else [])
        status = next(iter(statuses(list(heads.values())).values()), None)
        return checkout_step(slot, request, status, Instant(self._clock()).seconds)

    def _earlier_session(self, customer_id: str, step: CheckoutStep) -> Opened | None:
        """The session of an earlier request, if this request gets it. None: nothing is left in the way of
        another.
        """
        match step:
            case Start():
                pass
            case Reuse(slot, session_id, url):
                if self._still_open(slot.mandate_id, session_id):
                    return Opened(slot.mandate_id, session_id, url, slot.expires_at, created=False)
            case Resume(slot):
                with suppress(RequestRejected, AnswerReplayed):  # it can't be repeated: begin again
                    return self._create(customer_id, slot, created=False)
            case Replace(slot):
                self._check_another_may_begin(slot)  # before anything is ended
                self._end(customer_id, slot)
            case Abandon(slot):
                self._cancelled(slot.mandate_id, "creation_never_confirmed")
            case Refuse(refusal):
                raise _refused(refusal)
        return None

    def _check_another_may_begin(self, slot: Slot | None) -> None:
        wait = wait_before_another(slot, Instant(self._clock()).seconds)
        if wait:
            raise TooManyCheckouts(
                f"this customer began {MOST_STARTS} checkouts within an hour:"
                " continue with the open one, or begin another after Retry-After",
                retry_after=wait,
            )

    def _still_open(self, mandate_id: str, checkout_session_id: str) -> bool:
        """Whether the session is still open, according to Stripe, for a customer who is sent to it again.

        If it has ended, its webhook is on its way. What Stripe says about it is contributed now.
        """
        session = self._gateway.checkout_sessions.retrieve(checkout_session_id)
        if session.get("status") == "open":
            return True
        mandate, now = read_heads([mandate_id])[mandate_id], Instant(self._clock()).seconds
        facts = facts_about(mandate, session, owner_mark=self._owner_mark, source=SOURCE, now=now)
        if facts:
            contribute(mandate_id, [Contribution(SOURCE, facts)], self._clock)
        return False

    # -------------------------------------------------------------------------------- another session

    def _begin(
        self, consent: Consent, customer: Customer, stripe_customer_id: str, replaces: Slot | None
    ) -> Slot:
        """Write consent, mandate and slot in one transaction, before Stripe is told anything."""
        self._check_another_may_begin(replaces)
        now = Instant(self._clock())
        mandate = Mandate(
            mandate_id=_new_mandate_id(self._random_bytes),
            customer_id=consent.customer_id,
            stripe_customer_id=stripe_customer_id,
            created_at=now.text,
            terms_version=consent.request.terms_version,
            terms_digest=consent.request.terms_digest,
            locale=consent.request.locale,
            wording_digest=consent.request.wording_digest,
        )
        token = new_token(self._random_bytes)
        consented = self._consented(mandate, consent, token, now)
        slot = self._slot(mandate, consent, token, replaces, now)
        take_slot(customer, slot, replaces, consented, now)
        return slot

    def _consented(self, mandate: Mandate, consent: Consent, token: str, now: Instant) -> Change:
        contribution = Contribution(
            SOURCE,
            (expecting(mandate.accepted(now.seconds, SOURCE), token),),
            text=consent.terms.wording(consent.request.locale),
            personal=keep_beside(consent.personal, self._random_bytes),
        )
        at_stripe = Subject(stripe_customer_subject(mandate.stripe_customer_id))
        return change(mandate, [contribution], subjects={at_stripe.key: at_stripe}, recorded_at=now.text)

    def _slot(
        self, mandate: Mandate, consent: Consent, token: str, replaces: Slot | None, now: Instant
    ) -> Slot:
        expires_at = now.seconds + SESSION_LIFETIME_SECONDS
        params = setup_session_params(
            mandate_id=mandate.mandate_id,
            owner_mark=self._owner_mark,
            stripe_customer_id=mandate.stripe_customer_id,
            currency=consent.terms.limits.currency,
            success_url=return_address(consent.request.success_url, token),
            cancel_url=consent.request.cancel_url,
            locale=consent.request.locale,
            expires_at=expires_at,
        )
        starts = {**recent_starts(replaces, now.seconds), mandate.mandate_id: now.seconds}
        return Slot(mandate.mandate_id, consent.request, params, now.seconds, expires_at, starts)

    def _create(self, customer_id: str, slot: Slot, *, created: bool) -> Opened:
        """Have Stripe create the slot's session, or repeat the call, and record the answer."""
        session = self._session_of(customer_id, slot)
        fill_slot(customer_id, slot.mandate_id, session.checkout_session_id, session.url)
        return Opened(slot.mandate_id, session.checkout_session_id, session.url, session.expires_at, created)

    def _session_of(self, customer_id: str, slot: Slot) -> CheckoutSession:
        try:
            session = self._gateway.checkout_sessions.create(
                slot.params, idempotency_key=slot.idempotency_key
            )
        except (RequestRejected, AnswerReplayed) as error:
            self._not_created(customer_id, slot, error)
            raise
        named = ids(checkout_session=session.checkout_session_id, setup_intent=session.setup_intent_id)
        contribute_ours(
            slot.mandate_id,
            SOURCE,
            lambda now: Fact(Kind.SESSION_CREATED, now, SOURCE, named),
            self._clock,
        )
        return session

    def _not_created(self, customer_id: str, slot: Slot, error: RequestRejected | AnswerReplayed) -> None:
        """Give up the slot's session. Raises RedirectRefusedByStripe or CustomerRequired if that is why."""
        refusal = _refusal_of_url(error)
        if refusal:  # stored first: after a crash the same request must not begin again
            refuse_slot(customer_id, slot.mandate_id, refusal)
        # Nobody ever got this session's URL. Whether or not the session exists, it is over.
        self._cancelled(slot.mandate_id, error.code)
        if refusal:
            raise _refused(refusal) from None
        if isinstance(error, ResourceMissing) and self._customer_is_gone(slot):
            raise CustomerRequired(
                "your Stripe customer was deleted: PUT /customers/{customer_id} creates another"
            ) from None

    def _customer_is_gone(self, slot: Slot) -> bool:
        """Whether the customer is gone: for a session, Stripe has to find nothing but the customer."""
        return found_deleted(slot.params["customer"], self._gateway.customers, self._clock)

    def _end(self, customer_id: str, slot: Slot) -> None:
        """End the session of an earlier request, so that the customer can't complete both.

        If Stripe refuses to end it, or does not know it, it may still be open. Then no other is begun.
        """
        session_id = slot.checkout_session_id
        if session_id is None:
            try:
                session_id = self._create(customer_id, slot, created=False).checkout_session_id
            except (RequestRejected, AnswerReplayed, RedirectRefusedByStripe):
                return  # nobody ever got its URL, and nobody will
        try:
            self._gateway.checkout_sessions.expire(session_id)
        except SessionNotOpen:
            return  # completed or expired; its webhook says which
        self._cancelled(slot.mandate_id, "replaced_by_another_checkout")

    def _cancelled(self, mandate_id: str, reason: str) -> None:
        contribute_ours(
            mandate_id,
            SOURCE,
            lambda now: Fact(Kind.SESSION_CANCELLED, now, SOURCE, detail={"reason": reason}),
            self._clock,
        )


def _refusal_of_url(error: RequestRejected | AnswerReplayed) -> Refusal | None:
    """The URL of the request to which Stripe objects; None if Stripe objects to something else."""
    param = error.param if isinstance(error, RequestRejected) else None
    return Refusal(param, error.extra.get("stripe_code")) if param in {"success_url", "cancel_url"} else None


def _refused(refusal: Refusal) -> RedirectRefusedByStripe:
    return RedirectRefusedByStripe(
        f"Stripe does not accept this {refusal.field}: send another",
        field=refusal.field,
        stripe_code=refusal.stripe_code,
    )


def _new_mandate_id(random_bytes: RandomBytes) -> str:
    return "mdt_" + base64.b32encode(random_bytes(15)).decode().lower()
