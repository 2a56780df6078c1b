"""Every code and reason of the API in words for a merchant: what it means, and what to do.

tests/unit/test_console_words.py holds the tables to openapi.yaml and to the core's enums.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

type Tone = Literal["good", "wait", "bad", "over"]


@dataclass(frozen=True)
class Words:
    """`label` names it on a badge. `tone` only colours the badge: the label says the same."""

    label: str
    meaning: str
    action: str = ""
    tone: Tone = "wait"


MANDATE_STATUSES: Mapping[str, Words] = {
    "pending": Words(
        "Pending",
        "The customer has agreed to the terms, and has not finished at Amazon Pay.",
        "Wait, or ask the customer to finish.",
    ),
    "active": Words("Active", "It may be charged within what the customer agreed to.", tone="good"),
    "expired": Words(
        "Expired",
        "The session ended before the account was set up.",
        "The customer can start again in the shop.",
        "over",
    ),
    "revoked": Words(
        "Withdrawn",
        "The permission has ended for good. Nothing more is charged.",
        "The customer has to agree again.",
        "bad",
    ),
}

CHARGE_STATUSES: Mapping[str, Words] = {
    "pending": Words(
        "Pending",
        "The amount is reserved. An attempt is about to begin, or its outcome is not known yet.",
        "Look again in a moment.",
    ),
    "processing": Words(
        "Processing",
        "Stripe has not decided, or the charge is being cancelled. This can take days.",
        "Wait, and don't deliver yet.",
    ),
    "retrying": Words(
        "Will retry",
        "The latest attempt failed. The next one begins by itself.",
        "You need not do anything. Cancel the charge if it should not be tried again.",
    ),
    "needs_customer": Words(
        "Needs the customer",
        "Only the customer can help at Amazon, so no further attempt is made.",
        "Write to the customer. To charge again sooner than the end of this charge, cancel it first.",
        "bad",
    ),
    "succeeded": Words("Succeeded", "The money was taken.", "Deliver.", "good"),
    "failed": Words("Failed", "No money was taken.", "Get paid another way.", "bad"),
    "canceled": Words("Cancelled", "The charge was cancelled. No money was taken.", "Don't deliver.", "over"),
}

CHARGE_END_REASONS: Mapping[str, Words] = {
    "declined": Words("Declined", "Stripe declined the last attempt, or says that the charge can't succeed."),
    "not_permitted": Words(
        "No longer permitted", "Another attempt would not be permitted before the charge's last time."
    ),
    "overdue": Words("Overdue", "The last time for attempts has passed."),
    "withdrawn": Words("Withdrawn", "The permission was withdrawn."),
    "canceled": Words("Cancelled", "Your business cancelled it, here or at Stripe."),
}

CHARGE_FAILURES: Mapping[str, Words] = {
    "soft": Words("Declined for now", "It may succeed later, and is tried again."),
    "customer": Words("Needs the customer", "Only the customer can help, in their Amazon account."),
    "final": Words("Declined for good", "It can't succeed."),
    "mandate": Words("Mandate invalid", "Stripe says that the permission is no longer valid."),
    "state": Words(
        "Unexpected state", "The payment method or the PaymentIntent is not in the state that Stripe expects."
    ),
    "ours_to_mend": Words(
        "Set-up mistake",
        "The request, the API key or the Stripe account is wrong.",
        "Tell the operator. An alarm has told them, too.",
    ),
}

CHARGE_REASONS: Mapping[str, Words] = {
    "mandate_not_active": Words(
        "The mandate is not active",
        "The account is not set up yet, or the set-up expired.",
        "Have the customer finish it, or start again.",
    ),
    "mandate_revoked": Words(
        "The permission was withdrawn",
        "It has ended for good.",
        "Stop charging. To charge again, you need a new consent from the customer.",
    ),
    "disputed": Words(
        "A charge is disputed",
        "The customer disputes a charge of this mandate, and that is not decided.",
        "Answer the dispute in Stripe's Dashboard first.",
    ),
    "return_not_seen": Words(
        "The customer's return was not seen",
        "This stack charges only after the customer came back to the shop from Amazon Pay.",
        "Check that the shop's return page reports them, and ask the customer to open it again.",
    ),
    "currency_not_agreed": Words(
        "Another currency was agreed",
        "The terms are in another currency.",
        "Charge in the agreed currency.",
    ),
    "amount_not_agreed": Words(
        "Another amount was agreed", "The terms fix the amount.", "Charge exactly the agreed amount."
    ),
    "above_charge_limit": Words(
        "Above the limit of each charge",
        "The customer agreed to less in one charge.",
        "Charge less, or ask the customer for a new consent.",
    ),
    "above_period_limit": Words(
        "Above what is left of the period",
        "With this charge, all charges of the calendar period would be above their limit.",
        "Charge at most what is left, or wait for the next period.",
    ),
    "too_frequent": Words(
        "Too soon",
        "The customer agreed to one charge a period, and this period already has its charge.",
        "Wait until the earliest time.",
    ),
    "one_time_already_used": Words(
        "The one charge is used",
        "The customer agreed to a single charge, and it was already made.",
        "Ask the customer for a new consent.",
    ),
    "before_start": Words(
        "Before the first day",
        "The first agreed day has not begun.",
        "Wait until the earliest time.",
    ),
    "after_end": Words(
        "After the last day", "The last agreed day is over.", "Ask the customer for a new consent."
    ),
    "notice_required": Words(
        "The customer was not told in time",
        "The terms promise notice ahead of a charge, and no unused notice covers this amount now.",
        "Wait until the earliest time. Without one, tell the customer, and record that as a notice.",
    ),
    "in_progress": Words(
        "This reference is being charged",
        "A charge with the same reference is not final.",
        "Look at that charge.",
    ),
    "already_charged": Words(
        "This reference is paid",
        "A charge with the same reference succeeded.",
        "Look at that charge, and deliver once.",
    ),
    "too_many_attempts": Words(
        "Too many attempts",
        "Ten attempts at this mandate were declined today, or this charge has had ten.",
        "Wait until the earliest time, and ask the customer.",
    ),
    "charging_paused": Words(
        "Charging is paused",
        "An operator paused all charges, or the service did so after unexplained errors.",
        "Send the same request again later. Ask the operator how long the pause lasts.",
    ),
}

REFUND_STATUSES: Mapping[str, Words] = {
    "pending": Words(
        "Pending", "The amount is held back. Stripe has not decided: this can take days.", "Look again later."
    ),
    "succeeded": Words("Succeeded", "Stripe has given the money back.", "Tell the customer.", "good"),
    "failed": Words(
        "Failed",
        "The customer did not get the money. The amount can be refunded again.",
        "Refund it again, or pay it back another way.",
        "bad",
    ),
}

REFUND_REASONS: Mapping[str, Words] = {
    "not_succeeded": Words(
        "The charge took no money", "There is nothing to give back.", "Cancel the charge, if it is not final."
    ),
    "too_late": Words(
        "Too late",
        "The payment is more than 90 days old, so Amazon no longer refunds it.",
        "Pay it back another way.",
    ),
    "disputed": Words(
        "The charge is disputed",
        "The customer disputes it, and that is not decided. They could get the money twice.",
        "Answer the dispute in Stripe's Dashboard.",
    ),
    "nothing_left": Words(
        "Nothing is left",
        "All of it was refunded, is on its way, or was lost in a dispute.",
        "There is nothing more to do.",
    ),
    "more_than_left": Words(
        "More than is left", "The amount is above what can still be refunded.", "Refund at most what is left."
    ),
    "too_many_refunds": Words(
        "Too many refunds", "The charge has had 30 refunds.", "Refund the rest in Stripe's Dashboard."
    ),
}

LEDGER_ENTRIES: Mapping[str, Words] = {
    "consent_accepted": Words(
        "The customer agreed", "They accepted the terms. The exact wording is recorded.", tone="good"
    ),
    "session_created": Words(
        "Checkout opened", "Stripe opened a page where the customer goes to Amazon Pay."
    ),
    "session_completed": Words("Checkout finished", "The customer finished on Stripe's page."),
    "session_expired": Words("Checkout expired", "The customer did not finish in time.", tone="over"),
    "session_cancelled": Words(
        "Checkout ended", "The open page was closed before the customer finished.", tone="over"
    ),
    "setup_succeeded": Words(
        "Account saved", "Amazon Pay confirmed it. From here on the mandate may be charged.", tone="good"
    ),
    "setup_failed": Words(
        "Amazon Pay declined", "The customer may try again on the same page while it is open.", tone="bad"
    ),
    "setup_canceled": Words("Set-up cancelled", "Stripe cancelled the set-up.", tone="over"),
    "returned": Words("Somebody came back", "A browser came back to the shop from Stripe's page."),
    "charge_mandate_invalid": Words(
        "Found invalid by a charge",
        "Stripe refused a charge because the permission is not valid.",
        tone="bad",
    ),
    "revoked": Words(
        "Withdrawn", "The customer, your business or an operator ended the permission.", tone="bad"
    ),
    "detached": Words("Account removed", "The payment method was detached at Stripe.", tone="bad"),
    "mandate_inactive": Words("Ended at Amazon", "Stripe reports that its Mandate is inactive.", tone="bad"),
    "deleted": Words("Customer deleted", "The customer was deleted at Stripe.", tone="bad"),
}

_AGAIN = "Send the same request again in a moment: nothing happens twice."
_TELL = "Tell the operator."

PROBLEMS: Mapping[str, Words] = {
    "access_denied": Words("Refused", "The console's token does not reach this API.", _TELL),
    "bad_request": Words(
        "Not understood", "The request did not get through.", "Correct it before you repeat it."
    ),
    "busy": Words("Busy", "Others kept changing this at the same time.", _AGAIN),
    "charge_is_final": Words(
        "The charge is final",
        "It succeeded or failed before it could be cancelled.",
        "If it succeeded, refund it. If it failed, nothing is left to do.",
    ),
    "charge_not_permitted": Words(
        "Not charged",
        "The customer's permission does not cover this charge. Nothing was taken.",
        "See below.",
    ),
    "consent_required": Words(
        "Consent is missing", "The customer has to accept the terms.", "Ask the customer to opt in."
    ),
    "customer_already_linked": Words(
        "Linked already",
        "The Stripe customer belongs to another customer, or this one has another Stripe customer.",
        "A person decides which one is right.",
    ),
    "customer_required": Words(
        "The customer is missing",
        "There is no Stripe customer for this customer yet.",
        "Have the shop create it.",
    ),
    "idempotency_key_reused": Words(
        "This key is used",
        "The same Idempotency-Key was sent with other values before. Nothing was done now.",
        "Look at what the first request made. For a new one, begin with an empty form: it has a new key.",
    ),
    "insufficient_scope": Words("Not allowed", "The console's token lacks a permission.", _TELL),
    "internal_error": Words("An error in the service", "It is not known whether it was done.", _AGAIN),
    "invalid_event": Words("Not an event", "The body is not an event of Stripe.", _TELL),
    "invalid_request": Words(
        "Something is missing or wrong", "A value does not have the expected form.", "Correct it."
    ),
    "invalid_signature": Words("Wrong signature", "The event is not signed as expected.", _TELL),
    "ledger_unreadable": Words(
        "The record was altered", "Somebody changed what is stored, so that it can't be read.", _TELL
    ),
    "no_terms": Words("No terms", "No terms are published.", "The operator publishes terms."),
    "not_acceptable": Words(
        "Another format", "The answer does not come in the format that was asked for.", _TELL
    ),
    "not_found": Words("Not found", "Nothing has this id.", "Check the id."),
    "not_queued": Words("Not stored", "The event was not stored.", "Stripe sends it again by itself."),
    "notice_refused": Words(
        "Not recorded", "The permission would never cover a charge under this notice.", "See below."
    ),
    "notice_too_late": Words(
        "Too late", "The day ends before the promised hours have passed.", "Tell the customer a later day."
    ),
    "redirect_not_allowed": Words(
        "Address not allowed", "The shop's return address is not on an allowed origin.", _TELL
    ),
    "redirect_refused_by_stripe": Words(
        "Address refused", "Stripe does not accept the shop's return address.", "Use another address."
    ),
    "refund_not_permitted": Words(
        "Not refunded", "This refund is not possible. Nothing was given back.", "See below."
    ),
    "request_blocked": Words(
        "Blocked",
        "The firewall refuses it: too many requests, or one that looks like an attack.",
        "Wait some minutes.",
    ),
    "request_too_large": Words("Too large", "The request is too large.", "Send less."),
    "stripe_customer_unknown": Words(
        "Unknown at Stripe", "Stripe does not have this customer, or has deleted it.", "Name another one."
    ),
    "stripe_refused": Words("Stripe refused", "The service or its Stripe account is set up wrongly.", _TELL),
    "stripe_unavailable": Words("Stripe does not answer", "Stripe can't be reached or is busy.", _AGAIN),
    "terms_changed": Words(
        "The terms changed", "The customer was not shown the current terms.", "Show those and ask again."
    ),
    "too_many_checkouts": Words(
        "Too many checkouts",
        "The customer began ten checkouts within an hour.",
        "Continue with the open one.",
    ),
    "too_many_requests": Words("Too many requests", "The API takes only so many requests a second.", _AGAIN),
    "unauthenticated": Words(
        "Signed out of the API", "The console's token is no longer valid.", "Run `make up` again."
    ),
    "unknown_at_stripe": Words(
        "Unknown at Stripe",
        "Stripe does not know an object that it returned before.",
        "The operator checks the account.",
    ),
    "unsupported_media_type": Words("Wrong format", "The request is not in the expected format.", _TELL),
    "wrong_return_token": Words(
        "Another address",
        "The return token is not the one in the customer's return address.",
        "Use the exact address.",
    ),
    # Two of the console's own.
    "unreachable": Words(
        "No answer", "The API did not answer, so it is not known whether it was done.", _AGAIN
    ),
    "not_the_api": Words(
        "Not the API", "Something other than the API answered.", "Check that the stack is up."
    ),
}


def problem(code: str, status: int) -> Words:
    """A code that is not in the table yet is explained by its status: the API may get new codes."""
    if known := PROBLEMS.get(code):
        return known
    if status >= 500:
        return Words(code, "It is not known whether it was done.", _AGAIN)
    return Words(code, "The API refused the request.", "Correct it before you repeat it.")


def known(table: Mapping[str, Words], code: str) -> Words:
    """The words for a code, or for one that is not in the table yet: the code itself."""
    return table.get(code) or Words(code.replace("_", " "), "")
