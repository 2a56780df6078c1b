"""Stripe: the only room that imports stripe. A module for each resource of its API, and how to call them."""
