"""What differs between Stripe accounts, and the knobs of the simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import stripe


@dataclass(frozen=True)
class Settings:
    """Durations are seconds."""

    base_url: str = "http://127.0.0.1:12111"
    """Where the hosted pages are. The sessions' ``url`` starts with it."""
    business_name: str = "Example business"
    payment_method_types: tuple[str, ...] = ("amazon_pay", "card", "link")
    """The types enabled in the account's Dashboard. A session offers these, narrowed by its own filter."""
    api_version: str = stripe.api_version
    retry_delay: float = 1.0
    """The first pause before a failed webhook is sent again. It doubles each time."""
    delivery_attempts: int = 8
    """Stripe retries for three days in live mode and three times over a few hours in a sandbox."""
    redirect_wait: float = 2.0
    """How long the return from the hosted page waits for an answer to ``checkout.session.completed``. Stripe
    waits up to 10 seconds (https://docs.stripe.com/checkout/fulfillment)."""
    magic_amounts: bool = False
    """Some amounts turn out in a way of their own until a plan is sent (``payments.MAGIC_AMOUNTS``,
    ``refunding.MAGIC_REFUNDS``)."""
    refund_seconds: float = 60.0
    """A refund is ``pending`` this long, unless a plan says otherwise."""
    amazon_pay_charges_are: Literal["charge", "payment"] = "payment"
    """The type of the balance transaction of a payment with Amazon Pay. Those of its refunds, and the
    beginning of its ids, follow from it. Stripe documents ``charge`` for cards and ``payment`` for other
    payment methods, and does not say which one Amazon Pay is
    (https://docs.stripe.com/reports/balance-transaction-types)."""
    fee_seconds: float = 60.0
    """A charge's ``balance_transaction``, and with it the fee, is null for so long after it succeeded."""
    available_after: int = 2 * 24 * 60 * 60
    """When the net of a balance transaction becomes available. The next midnight (UTC) pays it out."""
    automatic_payouts: bool = True
    dispute_fee: int = 1500
    """Of a chargeback, in minor units. A claim has none."""
    exchange_rates: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    """The currencies that the account does not settle, such as ``{"eur": ("usd", 1.1)}``: it books euros as
    dollars, 1.1 minor units of these for one of those."""
    over_refund_code: str | None = "amount_too_large"
    """The error's code if a refund is for more than is left. Stripe's page of codes does not say which it is,
    and reports differ: some have no code, and only ``param`` says ``amount``."""
