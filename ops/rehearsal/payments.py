"""Checks about payments: creating, confirming and cancelling intents while the customer is away."""

from mandates.core.charging.error_classes import ErrorClass
from mandates.core.stripe_events.projection import AMAZON_PAY, METADATA_OWNER_MARK
from ops.rehearsal.checks import Checks, Seen, of_class, refused_with
from ops.rehearsal.raw_stripe import Answer, NotTried
from ops.rehearsal.trial import INTENTS, Trial

checks = Checks()
UNEXPECTED_STATE = "payment_intent_unexpected_state"


@checks.assumes(
    "the payment method is Amazon Pay's, and tells nothing of the customer", "api/payment_methods/object"
)
def payment_method_without_details(trial: Trial) -> Seen:
    method = trial.stripe.get(f"/v1/payment_methods/{trial.payer.payment_method}").body
    told = method["type"], method["customer"], method.get(AMAZON_PAY)
    return Seen(
        told == (AMAZON_PAY, trial.payer.customer, {}),
        f"type {told[0]}, {'details' if told[2] else 'no details'}",
    )


@checks.assumes(
    "if the set-up named a Stripe Mandate, it is active and for many payments", "api/mandates/object"
)
def mandate_of_the_set_up(trial: Trial) -> Seen:
    """Stripe does not say whether Amazon Pay through Checkout always has one: the code takes either."""
    if trial.stripe_mandate is None:
        return Seen(True, "the set-up named none")
    mandate = trial.stripe.get(f"/v1/mandates/{trial.stripe_mandate}").body
    told = mandate["status"], mandate["type"], mandate["payment_method"]
    return Seen(told == ("active", "multi_use", trial.payer.payment_method), f"{told[0]}, {told[1]}")


@checks.assumes(
    "an intent without a payment method has made no charge, and keeps our metadata",
    "payments/paymentintents/lifecycle",
)
def creation_moves_no_money(trial: Trial) -> Seen:
    intent = trial.creation.body
    if trial.creation.is_refusal:
        return Seen(False, trial.creation.in_short)
    told = intent["status"], intent["latest_charge"], intent["metadata"][METADATA_OWNER_MARK]
    return Seen(told == ("requires_payment_method", None, trial.mark), f"{told[0]}, latest_charge {told[1]}")


@checks.assumes(
    "an intent that may use Amazon Pay alone offers that type alone", "api/payment_intents/create"
)
def only_amazon_pay(trial: Trial) -> Seen:
    types = trial.creation.body["payment_method_types"]
    return Seen(types == [AMAZON_PAY], ", ".join(types))


@checks.assumes("the same request under the same key creates no second intent", "api/idempotent_requests")
def repeated_creation(trial: Trial) -> Seen:
    again = trial.create(trial.creation_key)
    same = again.body.get("id") == trial.creation.body["id"]
    return Seen(same and again.is_replayed, f"{'the same' if same else 'another'} intent, {_replayed(again)}")


@checks.assumes("the same key with other parameters is refused", "api/idempotent_requests")
def key_with_other_parameters(trial: Trial) -> Seen:
    if trial.creation.is_refusal:
        raise NotTried("no intent could be created")
    return refused_with(trial.create(trial.creation_key, description="Other words."), "idempotency_error")


@checks.assumes("a list of intents shows a new one at once, with its metadata", "api/payment_intents/list")
def listed_at_once(trial: Trial) -> Seen:
    """The rebuilding after a restore finds charges by it."""
    intent = trial.creation.body
    listed = trial.stripe.get(INTENTS, created={"gte": intent["created"]}, limit=100).body["data"]
    marks = [one["metadata"].get(METADATA_OWNER_MARK) for one in listed if one["id"] == intent["id"]]
    return Seen(marks == [trial.mark], "listed" if marks else "not listed")


@checks.assumes("too small an amount is final, with a code that says so", "error-codes")
def amount_too_small(trial: Trial) -> Seen:
    return of_class(trial.create(amount=1), ErrorClass.FINAL)


@checks.assumes("a confirm with a payment method that does not exist is ours to mend", "error-codes")
def unknown_payment_method(trial: Trial) -> Seen:
    answer = trial.confirm(trial.created(), payment_method="pm_rehearsal_does_not_exist")
    return of_class(answer, ErrorClass.OURS_TO_MEND)


@checks.assumes(
    "off session, with `error_on_requires_action` and no Mandate, it succeeds or is processing",
    "payments/amazon-pay/set-up-future-payments",
)
def confirmed_off_session(trial: Trial) -> Seen:
    answer = trial.confirmation
    return Seen(answer.body.get("status") in {"succeeded", "processing"}, answer.in_short)


@checks.assumes("Stripe answers a confirm with the charge itself, and its time", "api/payment_intents/object")
def charge_in_the_answer(trial: Trial) -> Seen:
    if trial.confirmation.is_refusal:
        raise NotTried(f"the payment was refused: {trial.confirmation.in_short}")
    charge = trial.confirmation.body["latest_charge"]
    expanded = isinstance(charge, dict) and isinstance(charge["created"], int)
    return Seen(expanded, "the charge" if expanded else f"only {charge}")


@checks.assumes("the same confirm under the same key makes no second charge", "api/idempotent_requests")
def repeated_confirm(trial: Trial) -> Seen:
    again = trial.confirm(trial.paid["id"], trial.confirm_key)
    count = len(_charges(trial))
    return Seen(again.is_replayed and count == 1, f"{_replayed(again)}, {count} charges")


@checks.assumes("an intent that succeeded refuses every other confirm", "payments/paymentintents/lifecycle")
def confirmed_after_success(trial: Trial) -> Seen:
    """Whatever key is used, an intent takes money once."""
    answer, count = trial.confirm(trial.paid["id"]), len(_charges(trial))
    return Seen(refused_with(answer, UNEXPECTED_STATE).as_assumed and count == 1, answer.in_short)


@checks.assumes("an intent that succeeded is not cancelled", "api/payment_intents/cancel")
def canceled_after_success(trial: Trial) -> Seen:
    answer, status = trial.cancel(trial.paid["id"]), trial.intent(trial.paid["id"])["status"]
    return Seen(answer.is_refusal and status == "succeeded", f"{answer.in_short}; the intent is {status}")


@checks.assumes("the charge has its intent's metadata", "metadata")
def metadata_of_the_charge(trial: Trial) -> Seen:
    mark = trial.paid["latest_charge"]["metadata"].get(METADATA_OWNER_MARK)
    return Seen(mark == trial.mark, "our mark" if mark else "no mark")


@checks.assumes("the charge may tell the card that Amazon charged", "api/charges/object")
def card_behind_the_account(trial: Trial) -> Seen:
    """The code takes a charge without it, too."""
    details = trial.paid["latest_charge"]["payment_method_details"] or {}
    card = ((details.get(AMAZON_PAY) or {}).get("funding") or {}).get("card")
    told = card is None or {"brand", "last4"} <= card.keys()
    return Seen(told, ", ".join(sorted(card)) if card else "no card")


@checks.assumes("an event names the idempotency key of the request that caused it", "api/events/object")
def key_in_the_event(trial: Trial) -> Seen:
    """It tells which attempt an event is about."""
    intent = trial.paid

    def told() -> dict[str, str] | None:
        events = trial.stripe.get(
            "/v1/events", types=["payment_intent.succeeded"], created={"gte": intent["created"]}, limit=100
        ).body["data"]
        return next((one["request"] for one in events if one["data"]["object"]["id"] == intent["id"]), None)

    request = trial.stripe.until(told, "the event payment_intent.succeeded")
    same = request["idempotency_key"] == trial.confirm_key
    return Seen(same, "the confirm's key" if same else f"idempotency_key {request['idempotency_key']}")


@checks.assumes(
    "a confirm may name the Stripe Mandate of the set-up (SendStripeMandate)", "api/payment_intents/confirm"
)
def confirmed_with_the_mandate(trial: Trial) -> Seen:
    if trial.stripe_mandate is None:
        raise NotTried("the set-up named none")
    answer = trial.confirm(trial.created(), mandate=trial.stripe_mandate)
    return Seen(answer.body.get("status") in {"succeeded", "processing"}, answer.in_short)


@checks.assumes(
    "an intent that is processing can be cancelled only in rare cases, and says so",
    "api/payment_intents/cancel",
)
def canceled_while_processing(trial: Trial) -> Seen:
    if trial.confirmation.body.get("status") != "processing":
        raise NotTried("the payment was never processing: Stripe decided at once")
    intent = trial.created()
    if (status := trial.confirm(intent).body.get("status")) != "processing":
        raise NotTried(f"a second payment was not processing but {status}")
    answer, status = trial.cancel(intent), trial.intent(intent)["status"]
    agrees = (status == "canceled") != answer.is_refusal
    return Seen(agrees, f"{answer.in_short}; the intent is {status}")


@checks.assumes(
    "an intent that is already cancelled stays so, whatever a second cancellation answers",
    "api/payment_intents/cancel",
)
def canceled_twice(trial: Trial) -> Seen:
    intent = trial.canceled
    answer, status = trial.cancel(intent), trial.intent(intent)["status"]
    return Seen(status == "canceled", f"{answer.in_short}; the intent is {status}")


@checks.assumes("a cancelled intent refuses a confirm", "api/payment_intents/cancel")
def confirmed_after_cancellation(trial: Trial) -> Seen:
    return refused_with(trial.confirm(trial.canceled), UNEXPECTED_STATE)


def _replayed(answer: Answer) -> str:
    return "replayed" if answer.is_replayed else f"not replayed ({answer.in_short})"


def _charges(trial: Trial) -> list[object]:
    charges: list[object] = trial.stripe.get("/v1/charges", payment_intent=trial.paid["id"], limit=100).body[
        "data"
    ]
    return charges
