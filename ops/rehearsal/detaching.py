"""Checks about a detached payment method. They come last: nothing can be paid with it afterwards."""

from mandates.core.charging.error_classes import ErrorClass
from ops.rehearsal.checks import Checks, Seen, of_class
from ops.rehearsal.raw_stripe import NotTried
from ops.rehearsal.trial import Trial

checks = Checks()


@checks.assumes(
    "a confirm with a detached payment method is refused, for its state or its mandate",
    "api/payment_methods/detach",
)
def detached_payment_method(trial: Trial) -> Seen:
    if not trial.ends_payment_method:
        raise NotTried("it would end the payment method: give --end-payment-method")
    intent, method = trial.created(), trial.payer.payment_method
    trial.stripe.post(f"/v1/payment_methods/{method}/detach", trial.key(), {})
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
        events = trial.stripe.get("/v1/events", types=types, limit=100).body["data"]
        about = (
            one["type"]
            for one in events
            if method in {one["data"]["object"]["id"], one["data"]["object"].get("payment_method")}
        )
        return sorted(set(about)) or None

    found = trial.stripe.until(told, "an event of the detach")
    return Seen(True, ", ".join(found))
