"""The keys of the Stripe objects that a fact can be about, besides mandates.

They are stored: they are the keys of the subjects' table, and mandates name what they stand on by them.
"""


def payment_method_subject(payment_method_id: str) -> str:
    return f"payment_method#{payment_method_id}"


def stripe_customer_subject(stripe_customer_id: str) -> str:
    return f"stripe_customer#{stripe_customer_id}"


def checkout_session_subject(checkout_session_id: str) -> str:
    return f"checkout_session#{checkout_session_id}"


def payment_intent_subject(payment_intent_id: str) -> str:
    return f"payment_intent#{payment_intent_id}"
