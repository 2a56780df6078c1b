"""Stripe's events: what is kept of one (`projection`), and what it says (`readers`).

Each Stripe object has a module with the readers of its events.
"""
