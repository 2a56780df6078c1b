"""Stripe's events: receiving, applying, reconciling, and the endpoint that they come to."""
