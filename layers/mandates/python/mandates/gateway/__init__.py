"""Stripe, and the only importer of stripe: a module for each resource of its API, and how they are asked."""
