"""The keys of what a fact can be about, other than a mandate: objects of Stripe's.

They are stored: the table of subjects is keyed by them, and mandates name what they stand on by them.
"""


def payment_method_subject(payment_method_id: str) -> str:
    return f"payment_method#{payment_method_id}"


def stripe_customer_subject(stripe_customer_id: str) -> str:
    return f"stripe_customer#{stripe_customer_id}"


def checkout_session_subject(checkout_session_id: str) -> str:
    return f"checkout_session#{checkout_session_id}"
