"""What Stripe reports of a charge's PaymentIntent, as facts.

Stripe's answers to us, its events and an intent that we read all become facts here. So they say the same, in
whatever order they come: https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from mandates.core.charging.facts import (
    OF_ATTEMPTS,
    REBUILT,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    charge_fact,
    newest_attempt,
    of_attempt,
    success_of,
)
from mandates.core.funding import Funding


@dataclass(frozen=True, slots=True)
class PaymentError:
    """Why Stripe refused an attempt, in its words. A member is empty if Stripe did not say.

    `advice` is Stripe's `advice_code`. `status` is the HTTP status of a refused call; an event or an intent
    that was read has none.
    """

    status: str = ""
    code: str = ""
    decline_code: str = ""
    advice: str = ""

    @property
    def said(self) -> Mapping[str, str]:
        """The members that are not empty: the detail of a fact."""
        return {name: word for name, word in asdict(self).items() if word}


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent as Stripe answers with it. `amount` is in minor units: once it succeeded, what was
    received. `last_error` is that of the newest attempt that failed. `funding` is the card that was charged,
    if Stripe tells it. `charged_at` (epoch seconds) is when Stripe made the charge, if this is the answer to
    the confirm: a payment that succeeded at once succeeded then."""

    payment_intent_id: str
    status: str
    amount: int
    currency: str
    latest_charge: str | None = None
    last_error: PaymentError | None = None
    funding: Funding | None = None
    charged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that Stripe says happened to an intent: an outcome of an attempt, or INTENT_CANCELED.

    `at` is in epoch seconds, `source` is that of the fact. `amount` and `currency` are what was taken, if the
    attempt succeeded. `reason` is Stripe's `cancellation_reason`.
    """

    happened: ChargeKind
    at: int
    source: str
    amount: int | None = None
    currency: str = ""
    stripe_charge: str | None = None
    error: PaymentError = PaymentError()
    reason: str = ""


def facts_of_report(known: ChargeFacts, report: Report, attempt: int | None) -> tuple[ChargeFact, ...]:
    """The facts that a report about an attempt adds; `known` are those of its charge.

    `attempt` is None if none was begun, as far as is known. Then only a success counts, as that of the first:
    the money was taken, whoever confirmed the intent.
    """
    happened = report.happened
    if happened is ChargeKind.INTENT_CANCELED:
        return (charge_fact(happened, report.at, report.source, reason=report.reason),)
    if happened is ChargeKind.ATTEMPT_SUCCEEDED:
        if _is_rebuilt_already(known):
            return ()
        attempt = attempt or 1
    if happened not in _OUTCOMES or not attempt:
        return ()
    fact = charge_fact(
        happened,
        report.at,
        report.source,
        attempt=attempt,
        charge=report.stripe_charge if happened in _OF_LATEST_CHARGE else None,
        **_detail(known, report),
    )
    return (fact,)


def _is_rebuilt_already(known: ChargeFacts) -> bool:
    """Whether Stripe's list told of the success after a restore. A report that names another attempt, or came
    first, says nothing new: an intent succeeds once."""
    success = success_of(known)
    return success is not None and success.source == REBUILT


def facts_of_refusal(attempt: int, error: PaymentError, at: int, source: str) -> tuple[ChargeFact, ...]:
    """The facts of a confirm that Stripe refused."""
    report = Report(ChargeKind.ATTEMPT_FAILED, at, source, error=error)
    return facts_of_report({}, report, attempt)


def facts_of_intent(
    known: ChargeFacts,
    intent: Intent,
    at: int,
    source: str,
    *,
    attempt: int | None = None,
    confirm_in_flight: bool,
) -> tuple[ChargeFact, ...]:
    """The facts of an intent in Stripe's answer to us; `known` are those of its charge. Empty if it proves
    nothing.

    `attempt` is the one whose confirm Stripe answered; None for any other call: then it is the newest.
    `confirm_in_flight`: whether a confirm whose outcome is not known may still reach Stripe or be carried out
    there. False for the answer to a confirm.

    `at` is our clock. A success that Stripe dates has Stripe's time: that is not after the event's, so the
    event adds nothing.
    """
    if attempt is None:
        attempt = newest_attempt(known)
    happened = _happened(known, intent, attempt, confirm_in_flight)
    if happened is None:
        return ()
    succeeded = happened is ChargeKind.ATTEMPT_SUCCEEDED
    report = Report(
        happened,
        intent.charged_at if succeeded and intent.charged_at is not None else at,
        source,
        amount=intent.amount,
        currency=intent.currency,
        stripe_charge=intent.latest_charge,
        error=intent.last_error or PaymentError(),
    )
    return facts_of_report(known, report, attempt)


def is_of_other_amount(succeeded: ChargeFact) -> bool:
    """Whether the success took another amount or currency than the charge's."""
    return "amount" in succeeded.detail


# ------------------------------------------------------------------------------------------------------

_FINAL = {"succeeded": ChargeKind.ATTEMPT_SUCCEEDED, "canceled": ChargeKind.INTENT_CANCELED}
"""Nothing changes these at Stripe, so they hold whatever is in flight."""

_UNTIL_NOW = {
    "processing": ChargeKind.ATTEMPT_PROCESSING,
    "requires_action": ChargeKind.ATTEMPT_NEEDS_ACTION,
}

_OUTCOMES = OF_ATTEMPTS - {ChargeKind.ATTEMPT_BEGUN, ChargeKind.ATTEMPT_EXAMINED}

_OF_LATEST_CHARGE = frozenset({ChargeKind.ATTEMPT_PROCESSING, ChargeKind.ATTEMPT_SUCCEEDED})
"""Where `latest_charge` is the attempt's own. A failure that makes no charge leaves the previous one."""


def _happened(known: ChargeFacts, intent: Intent, attempt: int, confirm_in_flight: bool) -> ChargeKind | None:
    """None if the status proves nothing. An attempt that never reached Stripe leaves no error; but after
    `processing`, a failure is one even without it."""
    if final := _FINAL.get(intent.status):
        return final
    if confirm_in_flight:
        return None
    if intent.status == "requires_payment_method":
        was_processing = of_attempt(known, ChargeKind.ATTEMPT_PROCESSING, attempt)
        return ChargeKind.ATTEMPT_FAILED if intent.last_error or was_processing else None
    return _UNTIL_NOW.get(intent.status)


def _detail(known: ChargeFacts, report: Report) -> Mapping[str, str]:
    match report.happened:
        case ChargeKind.ATTEMPT_FAILED:
            return report.error.said
        case ChargeKind.ATTEMPT_SUCCEEDED:
            return _taken(known, report)
    return {}


def _taken(known: ChargeFacts, report: Report) -> Mapping[str, str]:
    """What was taken, only if it is not what the charge is about."""
    reserved = known.get(ChargeKind.RESERVED)
    if reserved is None or report.amount is None:
        return {}
    taken = {"amount": str(report.amount), "currency": report.currency}
    return {} if taken.items() <= reserved.detail.items() else taken
