"""What an event can turn out to say."""

from dataclasses import dataclass

from mandates.core.charging.disputes import StripeDispute
from mandates.core.charging.facts import ChargeKind
from mandates.core.charging.refunds import StripeRefund
from mandates.core.charging.reports import Report
from mandates.core.facts import Fact
from mandates.core.subjects import payment_method_subject, stripe_customer_subject


@dataclass(frozen=True, slots=True)
class AboutMandate:
    """A fact about one of our mandates. It is believed only if it matches what the mandate knows of itself
    (webhooks/applying.py): anybody with an API key of the account can write our metadata on objects of their
    own."""

    event_id: str
    mandate_id: str
    fact: Fact
    stripe_customer_id: str | None

    @property
    def subjects(self) -> list[str]:
        """The keys of the subjects it names: if it is believed, the mandate stands on them."""
        customer = [stripe_customer_subject(self.stripe_customer_id)] if self.stripe_customer_id else []
        return customer + [payment_method_subject(one) for one in self.fact.ids.get("payment_method", ())]


@dataclass(frozen=True, slots=True)
class AboutSubject:
    """A fact about a payment method or a Stripe customer, perhaps one we have never seen."""

    event_id: str
    subject: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class AboutCharge:
    """What happened to the intent of one of our charges. It is believed only if the charge has recorded that
    intent (charges/outcomes.py).

    `idempotency_key` is that of the request that caused the event, if Stripe says so.
    """

    event_id: str
    mandate_id: str
    charge_id: str
    payment_intent_id: str
    report: Report
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class AboutRefund:
    """A refund of one of our charges, as it was when Stripe created the event (`at`, epoch seconds). It is
    believed as an AboutCharge is."""

    event_id: str
    mandate_id: str
    charge_id: str
    payment_intent_id: str
    refund: StripeRefund
    at: int


@dataclass(frozen=True, slots=True)
class AboutDispute:
    """A dispute of one of our charges, as it was when Stripe created the event (`at`, epoch seconds). `kind`
    is that of the fact. It is believed as an AboutCharge is."""

    event_id: str
    mandate_id: str
    charge_id: str
    payment_intent_id: str
    dispute: StripeDispute
    kind: ChargeKind
    at: int


AboutMoney = AboutCharge | AboutRefund | AboutDispute


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Nothing to apply. `outcome` is `foreign` (about an object of another stack, or one that no stack made),
    `livemode_mismatch`, or `ignored`: perhaps about an object of ours, but it contributes no fact."""

    event_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """The event claims to be ours and can't be right. It is kept aside, with the reason, for a person to look
    at."""

    event_id: str
    reason: str


Meaning = AboutMandate | AboutSubject | AboutMoney | NotOurs | Impossible
