"""Ending a mandate: revoking it here, releasing it at Stripe."""
