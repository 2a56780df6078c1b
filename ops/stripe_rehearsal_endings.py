"""Checks about the end of a payment method. They come last, since they end it."""

from mandates.core.charging.error_classes import ErrorClass
from ops.stripe_rehearsal_asking import NotTried
from ops.stripe_rehearsal_checks import Checks, Seen, of_class
from ops.stripe_rehearsal_trial import Trial

checks = Checks()


@checks.assumes(
    "a detached payment method is refused, and read before anything else is done",
    "api/payment_methods/detach",
)
def detached_payment_method(trial: Trial) -> Seen:
    if not trial.ends_payment_method:
        raise NotTried("it would end the payment method: give --end-payment-method")
    intent, method = trial.created(), trial.payer.payment_method
    trial.asking.post(f"/v1/payment_methods/{method}/detach", trial.key(), {})
    answer = trial.confirm(intent)
    return of_class(answer, ErrorClass.STATE, ErrorClass.MANDATE)


@checks.assumes(
    "a detach is told by payment_method.detached, mandate.updated or both",
    "payments/amazon-pay/set-up-future-payments",
)
def events_of_a_detach(trial: Trial) -> Seen:
    if not trial.ends_payment_method:
        raise NotTried("it would end the payment method: give --end-payment-method")
    method, types = trial.payer.payment_method, ["payment_method.detached", "mandate.updated"]

    def told() -> list[str] | None:
        events = trial.asking.get("/v1/events", types=types, limit=100).body["data"]
        about = (
            one["type"]
            for one in events
            if method in {one["data"]["object"]["id"], one["data"]["object"].get("payment_method")}
        )
        return sorted(set(about)) or None

    found = trial.asking.until(told, "an event of the detach")
    return Seen(True, ", ".join(found))
