"""For how long a Checkout Session is open, and a request to create one may be repeated."""

IDEMPOTENCY_WINDOW_SECONDS = 23 * 3600
"""Stripe keeps an idempotency key for at least 24 hours. One hour is left for clocks and slow calls.
https://docs.stripe.com/api/idempotent_requests"""

SESSION_LIFETIME_SECONDS = 23 * 3600 + 45 * 60
"""Stripe allows 30 minutes to 24 hours. The stored expiry must still be 30 minutes ahead when creation is
retried at the end of the idempotency window. 15 minutes are left for clocks on either side."""
