"""Checks about refunds."""

from typing import Any

from mandates.core.stripe_events.projection import METADATA_REFUND
from ops.rehearsal.checks import Checks, Seen
from ops.rehearsal.trial import REFUNDS, Trial

checks = Checks()
ACCEPTED = frozenset({"pending", "succeeded"})


@checks.assumes("a part can be refunded: pending or succeeded", "api/refunds/object")
def part_refunded(trial: Trial) -> Seen:
    status = trial.part_refund["status"]
    return Seen(status in ACCEPTED, status)


@checks.assumes(
    "the list of an intent's refunds shows a new one at once, with its metadata", "api/refunds/list"
)
def refund_listed_at_once(trial: Trial) -> Seen:
    """So a refund whose answer was lost is found, and not made twice."""
    refund = trial.part_refund
    listed = trial.stripe.get(REFUNDS, payment_intent=trial.paid["id"], limit=100).body["data"]
    found = [one["metadata"].get(METADATA_REFUND) for one in listed if one["id"] == refund["id"]]
    return Seen(found == [refund["metadata"][METADATA_REFUND]], "listed" if found else "not listed")


@checks.assumes("the same refund under the same key is made once", "api/idempotent_requests")
def repeated_refund(trial: Trial) -> Seen:
    again = trial.refund(trial.part, trial.refund_key) if trial.part_refund else None
    same = again is not None and again.body.get("id") == trial.part_refund["id"]
    return Seen(same, "the same refund" if same else "another answer")


@checks.assumes("more than is left is refused, even while an earlier refund is pending", "refunds")
def more_than_is_left(trial: Trial) -> Seen:
    left = trial.amount - int(trial.part_refund["amount"])
    answer = trial.refund(left + 1)
    return Seen(answer.is_refusal, answer.in_short)


@checks.assumes("all that is left can be refunded; after that nothing can", "refunds")
def all_refunded(trial: Trial) -> Seen:
    rest = trial.refund(trial.amount - int(trial.part_refund["amount"]))
    more = trial.refund(1)
    accepted = rest.body.get("status") in ACCEPTED
    return Seen(accepted and more.is_refusal, f"{rest.in_short}; one more: {more.in_short}")


@checks.assumes(
    "a refund's event names the refund and its intent", "api/events/types#event_types-refund.created"
)
def event_of_the_refund(trial: Trial) -> Seen:
    refund = trial.part_refund

    def told() -> Any:
        events = trial.stripe.get(
            "/v1/events", types=["refund.created"], created={"gte": refund["created"]}, limit=100
        ).body["data"]
        objects = (one["data"]["object"] for one in events)
        return next((one for one in objects if one["id"] == refund["id"]), None)

    told_of = trial.stripe.until(told, "the event refund.created")
    same = told_of["payment_intent"] == trial.paid["id"]
    return Seen(same and told_of["metadata"] == refund["metadata"], f"the refund, {told_of['status']}")
