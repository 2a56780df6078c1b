"""How long the service waits before it looks at a charge again, and how long it repeats a call to Stripe. All
in seconds."""

DAY = 86_400

MOST_CHARGE_BY_SECONDS = 30 * DAY
"""The longest time from a charge's reservation to its `charge_by`."""

SOON = 60
LATEST_LOOK = 6 * 3600

KEY_SECONDS = 23 * 3600
"""How long a call is repeated under its idempotency key. Stripe keeps keys for at least 24 hours; after that
the same key is a new request: https://docs.stripe.com/api/idempotent_requests"""


def pause_since(newest: int, now: int) -> int:
    """As long as the time since the `newest` news, at least a minute. So pauses double without a counter.

    Both are in epoch seconds.
    """
    return min(max(now - newest, SOON), LATEST_LOOK)
