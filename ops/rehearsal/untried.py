"""Assumptions that no command can try: they need a person, a day, or something that no sandbox does."""

from ops.rehearsal.checks import Checks

NO_SUCH_TEST_PAYMENT = "Stripe documents no test payment for it with Amazon Pay"
NEEDS_A_PERSON = "it needs a person"

checks = Checks()
checks.needs_more(
    "codes of declines",
    "a code that we don't know means a decline if Stripe answers 402, and is ours to mend otherwise",
    "error-codes",
    NO_SUCH_TEST_PAYMENT,
)
checks.needs_more(
    "an action that is required",
    "with `error_on_requires_action` the attempt fails, and the intent waits for another attempt",
    "api/payment_intents/confirm",
    NO_SUCH_TEST_PAYMENT,
)
checks.needs_more(
    "a refund that fails",
    "a refund that is pending or succeeded may fail later; then its amount is back",
    "refunds#failed-refunds",
    NO_SUCH_TEST_PAYMENT,
)
checks.needs_more(
    "a dispute",
    "it comes as charge.dispute.created, and its payment can't be refunded while it is open",
    "payments/amazon-pay",
    NO_SUCH_TEST_PAYMENT,
)
checks.needs_more(
    "a withdrawal at Amazon",
    "it is told by mandate.updated, or the next payment is refused",
    "payments/amazon-pay/set-up-future-payments",
    f"{NEEDS_A_PERSON} to withdraw in their Amazon account; `ops events` shows what Stripe sends",
)
checks.needs_more(
    "a customer who goes back from Stripe's page",
    "no event is sent; the session stays open until it expires",
    "api/checkout/sessions/object",
    f"{NEEDS_A_PERSON} at Stripe's page",
)
checks.needs_more(
    "a set-up that fails",
    "setup_intent.setup_failed is sent, and the customer may try again in the same session",
    "payments/setupintents/lifecycle",
    f"{NEEDS_A_PERSON} at Stripe's test page, if it lets the set-up fail",
)
checks.needs_more(
    "how long keys are kept",
    "for at least 24 hours; after that the same key is a new request",
    "api/idempotent_requests",
    "it takes a day",
)
checks.needs_more(
    "a failure inside Stripe",
    "a 500 is repeated under the same key, though the payment may have been made",
    "error-low-level",
    "nobody can make Stripe fail",
)
