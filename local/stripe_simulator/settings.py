"""What differs between Stripe accounts, and the knobs of the simulation."""

from dataclasses import dataclass

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
    """Some amounts turn out in a way of their own (``payments.MAGIC_AMOUNTS``) until a plan is sent."""
    refund_seconds: float = 60.0
    """A refund is ``pending`` this long, unless a plan says otherwise."""
    over_refund_code: str | None = "amount_too_large"
    """The error's code if a refund is for more than is left. Stripe's page of codes does not say which it is,
    and reports differ: some have no code, and only ``param`` says ``amount``."""
