"""What differs between Stripe accounts, and the knobs of the simulation."""

from dataclasses import dataclass

import stripe


@dataclass(frozen=True)
class Settings:
    """Durations are seconds."""

    base_url: str = "http://127.0.0.1:12111"
    """Where the hosted pages are; the sessions' ``url`` starts with it."""
    business_name: str = "Example business"
    payment_method_types: tuple[str, ...] = ("amazon_pay", "card", "link")
    """What is enabled in the account's Dashboard: a session offers these, narrowed by its own filter."""
    api_version: str = stripe.api_version
    retry_delay: float = 1.0
    """The first pause before a failed webhook is sent again; it doubles each time."""
    delivery_attempts: int = 8
    """Stripe retries for three days in live mode and three times over a few hours in a sandbox."""
    redirect_wait: float = 2.0
    """How long the return from the hosted page waits for ``checkout.session.completed`` to be answered; at
    Stripe up to 10 seconds (https://docs.stripe.com/checkout/fulfillment)."""
