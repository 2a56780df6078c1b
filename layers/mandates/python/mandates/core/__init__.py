"""What is decided, and nothing else: the standard library only, no clock, no network, no AWS, no Stripe.

A test holds that import rule (tests/unit/test_architecture.py).
"""
