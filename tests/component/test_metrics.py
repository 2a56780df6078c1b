"""Every metric is emitted by the real handlers, as CloudWatch gets it: by name, namespace and dimension.

The alarms on our own metrics are held to what is found here, so none can wait for a metric that nobody sends.
"""

import ast
import io
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.messages import DueMessage
from mandates.core.clock import Instant
from mandates.core.errors import Busy, StripeRefused, StripeUnavailable
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.gateway.events import EVENTS_LISTED_SECONDS
from mandates.revocation.revoking import revoke
from mandates.store.charging_switch import pause
from mandates.store.event_cursors import advance_cursor
from mandates.store.tables import EntryRow
from mandates.webhooks.reconciling import groups_of
from tests.component.advancing import till_of
from tests.component.audited import audit_of_what_differs
from tests.component.charging import (
    SUCCEEDED,
    active_mandate,
    begun,
    charge_event,
    dispute_event,
    refund_event,
    reserved,
    told,
    with_intent,
)
from tests.component.test_publish_changes import entry, stream_event
from tests.component.test_publish_charges import items as charge_items
from tests.component.test_publish_charges import publish as publish_charges
from tests.component.test_revoking import DOWN
from tests.component.world import ROOT, Context, World, api_event, service, sqs_event
from tests.template.stack import Stack, expand, raw
from tests.unit.charging import NOW, terms
from tests.unit.runbook import metrics_listed

SOURCES = [*(ROOT / "functions").glob("*/app.py"), *(ROOT / "layers" / "mandates" / "python").rglob("*.py")]
NAMESPACE, DIMENSIONS = "AmazonPayMandates", {"service": {"Ref": "AWS::StackName"}}
OUTCOMES = ("Applied", "Foreign", "Ignored", "Known", "LivemodeMismatch", "Quarantined")
BY_OUTCOME = {f"Events{outcome}" for outcome in OUTCOMES}
"""process_webhook's, one for each outcome (core/stripe_events/meaning.py, store/events.py,
webhooks/applying.py)."""

IN_STREAM = {"MandatesActivated", "MandatesExpired", "MandatesWithdrawn", "SetupAttemptsFailed"} | {
    "ChargesCanceled",
    "ChargesFailed",
    "ChargesNeedCustomer",
    "ChargesSucceeded",
}
"""publish_changes' and publish_charges' own, one for each thing an entry may tell."""


UNKNOWN_MANDATE = {
    "id": "evt_unknown",
    "type": "checkout.session.expired",
    "created": 1793491200,
    "livemode": False,
    "data": {
        "object": {
            "id": "cs_test_unknown",
            "object": "checkout.session",
            "customer": "cus_unknown",
            "metadata": {"mandate_id": "mdt_" + "z" * 24, "managed_by": "test-stack"},
        }
    },
}


def named_in(source: str) -> set[str]:
    """The names given to `count`, `measure` and `Metrics`, as far as they are written out."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named: list[ast.expr] = []
    for call in calls:
        match call.func:
            case ast.Name("count" | "measure"):
                named += call.args[:1]
            case ast.Name("Metrics"):
                named += [keyword.value for keyword in call.keywords]
    return {str(name.value) for name in named if isinstance(name, ast.Constant)}


def emitted() -> set[str]:
    named = set().union(*(named_in(path.read_text(encoding="utf-8")) for path in SOURCES))
    return named | BY_OUTCOME | IN_STREAM


def from_logs() -> set[str]:
    """Counted by CloudWatch itself, in the API's access log (tests/template/test_alarms.py)."""
    filters = Stack(expand(raw())).of("AWS::Logs::MetricFilter")
    transformed = [counted for _, properties in filters for counted in properties["MetricTransformations"]]
    assert {counted["MetricNamespace"] for counted in transformed} == {NAMESPACE}
    return {counted["MetricName"] for counted in transformed}


def alarms_on_ours() -> list[dict[str, Any]]:
    """The metrics of ours that alarms watch, calculated with or not."""
    alarms = [alarm for _, alarm in Stack(expand(raw())).of("AWS::CloudWatch::Alarm")]
    calculated = [
        metric["MetricStat"]["Metric"]
        for alarm in alarms
        for metric in alarm.get("Metrics", [])
        if "MetricStat" in metric
    ]
    return [watched for watched in [*alarms, *calculated] if watched.get("Namespace") == NAMESPACE]


def test_alarms_on_our_metrics_are_on_what_is_emitted_under_its_namespace_and_dimension() -> None:
    variables = raw()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE
    assert {"service": variables["POWERTOOLS_SERVICE_NAME"]} == DIMENSIONS
    known, alarms = emitted() | from_logs(), alarms_on_ours()
    assert len(alarms) >= 3
    for alarm in alarms:
        assert alarm["MetricName"] in known
        assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == DIMENSIONS


def test_the_runbook_lists_every_metric() -> None:
    assert metrics_listed() == emitted() | from_logs()


def test_names_are_found_in_source() -> None:
    assert named_in("count('A', 2)\nmeasure('B', 1.0, Unit)\ncount(f'C{x}')\n'abc'.count('d')") == {"A", "B"}


def sent(capsys: pytest.CaptureFixture[str]) -> dict[str, list[float]]:
    """The metrics sent since this was last asked, with their values; all under the one dimension."""
    found: dict[str, list[float]] = {}
    for line in capsys.readouterr().out.splitlines():
        document = json.loads(line)
        for described in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert described["Dimensions"] == [["service"]]
            for metric in described["Metrics"]:
                found.setdefault(metric["Name"], []).extend(document[metric["Name"]])
    return found


def a_forged_webhook(world: World) -> None:
    assert world.post_webhook("{}", header="t=1,v1=00").status == 400


def an_event_of_a_mandate_that_is_not_there(world: World) -> None:
    assert world.process([UNKNOWN_MANDATE]) == []


def a_set_up(world: World) -> None:
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()


def a_withdrawal_while_stripe_is_down(world: World) -> None:
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    world.revoke(opened["mandate_id"])
    world.faults(DOWN)
    assert world.release(opened["mandate_id"]) != []


def a_ledger_that_was_written_anew(world: World) -> None:
    opened = world.begun()
    row = EntryRow.get(opened["mandate_id"], "entry#000001")
    row.update([EntryRow.status.set("active")])
    world.call(
        "export_evidence",
        "/mandates/{mandate_id}/evidence",
        path={"mandate_id": opened["mandate_id"]},
        caller=service("mandates:read"),
    )


def events_that_stripe_lists_no_more(world: World) -> None:
    now = int(time.time())
    advance_cursor(
        groups_of(HANDLED_TYPES)[0].cursor, now - EVENTS_LISTED_SECONDS - 3600, HANDLED_TYPES, Instant(now)
    )
    world.invoke("reconcile_events", {}, Context())


def webhooks_that_never_came(world: World) -> None:
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.function("reconcile_events").time = SimpleNamespace(time=lambda: time.time() + 601)
    world.invoke("reconcile_events", {}, Context())


def a_session_that_has_not_ended_in_its_time(world: World) -> None:
    world.sweep_is_due(world.begun()["mandate_id"])
    world.invoke("reconcile_events", {}, Context())


def a_session_that_stripe_will_not_show(world: World) -> None:
    world.sweep_is_due(world.begun()["mandate_id"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StripeCheckoutSessions, "retrieve", refuses)
        with pytest.raises(StripeRefused):
            world.invoke("reconcile_events", {}, Context())


def a_mandate_that_others_write_all_the_time(world: World) -> None:
    opened = world.begun()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mandates.revocation.revoking.contribute_ours", busy)
        assert world.revoke(opened["mandate_id"]).status == 503


def busy(*_: Any, **__: Any) -> None:
    raise Busy("others kept changing this at the same time; try again")


def a_session_that_stripe_does_not_know(world: World) -> None:
    world.begun()
    world.faults({"effect": "resource_missing", "path": "/v1/checkout/sessions/"})
    assert world.post_checkout().status == 502


def with_a_bus(world: World) -> None:
    world.environment["EVENT_BUS_NAME"] = "bus"
    boto3.client("events").create_event_bus(Name="bus")


def a_withdrawal_that_is_published(world: World) -> None:
    with_a_bus(world)
    told = [entry("a", 1, status="revoked", kind="revoked")]
    assert world.invoke("publish_changes", stream_event(told)) == {"batchItemFailures": []}


def a_charge_that_is_published(world: World) -> None:
    with_a_bus(world)
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    assert world.charge(opened["mandate_id"]).body["status"] == "succeeded"
    assert publish_charges(world, charge_items("entry#")) == []


def a_run_that_hardly_ends_in_time(world: World) -> None:
    left = iter([10_000, 2_000])
    context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: next(left))
    assert (
        world.function("read_terms").handler(api_event("GET", "/terms/current"), context)["statusCode"] == 200
    )


def refuses(*_: Any) -> None:
    raise StripeRefused("no", stripe_code=None, stripe_request_id=None)


def a_payment_of_somebody_elses(world: World) -> None:
    payment = {"id": "pi_1", "object": "payment_intent", "metadata": {}}
    event = {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": payment}}
    assert world.post_webhook(json.dumps(event)).status == 200


def charges_that_must_be_looked_at(world: World) -> None:
    """Given up and withdrawn, and then it took too much all the same."""
    charge = begun(with_intent(reserved(active_mandate(terms()), NOW).charge), 1)
    told(charge, charge_fact(ChargeKind.INTENT_CANCELED, NOW, "api:test"))
    revoke(charge.mandate_id, by="customer", reason="requested", clock=lambda: NOW)
    assert world.process([charge_event(charge, SUCCEEDED, amount_received=2_000)]) == []


def a_charge_that_is_due_while_charging_is_paused(world: World) -> None:
    reserved(active_mandate(terms()), time.time() - 120)
    pause("ann", "checking", Instant(time.time()))
    world.invoke("queue_due_charges", {})


def a_charge_that_a_key_may_not_make(world: World) -> None:
    charge = reserved(active_mandate(terms()), time.time() - 120).charge
    world.faults({"effect": "forbidden"})
    message = DueMessage(charge.charge_id, int(time.time()), int(time.time()))
    world.invoke("advance_charges", sqs_event([message.text]))


def setbacks_that_a_person_must_hear_of(world: World) -> None:
    charge = begun(with_intent(reserved(active_mandate(terms()), NOW).charge), 1)
    failed = refund_event(charge, "refund.failed", status="failed", failure_reason="declined")
    assert world.process([charge_event(charge, SUCCEEDED)], [dispute_event()], [failed]) == []


def a_refund_that_a_key_may_not_make(world: World) -> None:
    till = till_of(world)
    charge = till.advance(till.reserve())
    world.faults({"effect": "forbidden", "path": "/v1/refunds", "method": "POST"})
    assert world.refund(charge.charge_id).status == 201


SCENARIOS: list[tuple[Callable[[World], None], set[str]]] = [
    (a_forged_webhook, {"SignatureFailures"}),
    (a_payment_of_somebody_elses, {"ForeignPayments"}),
    (an_event_of_a_mandate_that_is_not_there, {"EventsQuarantined"}),
    (a_set_up, {"SetupsStarted", "EventsApplied", "EventLag"}),
    (a_withdrawal_while_stripe_is_down, {"MandatesRevoked", "WithdrawalsNotReleased", "UnreleasedFor"}),
    (a_ledger_that_was_written_anew, {"BrokenLedgers"}),
    (events_that_stripe_lists_no_more, {"EventsOutOfReach"}),
    (webhooks_that_never_came, {"EventGap", "EventsRecovered"}),
    (a_session_that_has_not_ended_in_its_time, {"MandatesStuckPending"}),
    (a_session_that_stripe_will_not_show, {"MandatesStuckPending"}),
    (a_mandate_that_others_write_all_the_time, {"UnavailableHere"}),
    (a_session_that_stripe_does_not_know, {"UnknownAtStripe"}),
    (a_withdrawal_that_is_published, {"EntriesPublished", "MandatesWithdrawn"}),
    (a_charge_that_is_published, {"ChargesReserved", "ChargeEntriesPublished", "ChargesSucceeded"}),
    (charges_that_must_be_looked_at, {"ChargedAfterWithdrawal", "ChargedLate", "ChargedOtherAmount"}),
    (a_charge_that_is_due_while_charging_is_paused, {"ChargesOverdueFor", "ChargesQueued", "ChargingPaused"}),
    (a_charge_that_a_key_may_not_make, {"ChargesOursToMend"}),
    (setbacks_that_a_person_must_hear_of, {"DisputesOpened", "RefundsFailed"}),
    (a_refund_that_a_key_may_not_make, {"RefundsOursToMend"}),
    (
        audit_of_what_differs,
        {"AuditDifferences", "AuditRecovered", "AuditIntentsCanceled", "AuditFollowedUp", "AuditLagSeconds"},
    ),
    (a_run_that_hardly_ends_in_time, {"AlmostTimedOut"}),
]


@pytest.mark.parametrize(("happens", "metrics"), SCENARIOS, ids=lambda part: getattr(part, "__name__", ""))
def test_what_happens_is_measured(
    happens: Callable[[World], None], metrics: set[str], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    happens(world)
    found = sent(capsys)
    assert metrics <= found.keys()
    assert found.keys() <= emitted()
    assert all(
        value > 0 or name in {"EventLag", "UnreleasedFor", "AuditLagSeconds"}
        for name in metrics
        for value in found[name]
    )


def test_whatever_an_alarm_waits_for_was_seen_to_be_sent() -> None:
    seen = set().union(*(metrics for _, metrics in SCENARIOS))
    assert {alarm["MetricName"] for alarm in alarms_on_ours()} <= seen | from_logs()


def test_a_503_because_of_stripe_is_not_counted_as_ours(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.faults(DOWN)
    assert world.put_customer().status == 503
    assert "UnavailableHere" not in sent(capsys)


def test_the_lag_is_from_stripes_own_time_and_never_negative(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    events = world.events("checkout.session.completed", "setup_intent.succeeded")
    events[0]["created"] -= 3600
    events[1]["created"] += 60  # Stripe's clock is ahead of ours
    sent(capsys)
    assert world.process(events) == []
    hour, nothing = sent(capsys)["EventLag"]
    assert 3600 <= hour < 3700
    assert nothing == 0


def test_what_the_ledger_tells_is_counted_once_per_telling(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with_a_bus(world)
    told = [
        entry("a", 1, kind="consent_accepted"),
        entry("a", 2, kind="setup_failed"),
        entry("a", 3, status="active", kind="setup_succeeded"),
        entry("a", 4, status="revoked", kind="revoked"),
        entry("a", 5, status="revoked", kind="session_expired"),  # withdraws nothing
        entry("b", 1, status="expired", kind="session_expired"),
    ]
    assert world.invoke("publish_changes", stream_event(told)) == {"batchItemFailures": []}
    found = {name: sum(values) for name, values in sent(capsys).items()}
    assert found == {
        "EntriesPublished": 6,
        "SetupAttemptsFailed": 1,
        "MandatesActivated": 1,
        "MandatesWithdrawn": 1,
        "MandatesExpired": 1,
    }


def test_a_mandates_lines_are_found_by_its_id_and_its_events(world: World) -> None:
    log = io.StringIO()
    opened = world.begun()
    from mandates.runtime.telemetry import logger  # its settings come with the world

    world.monkeypatch.setattr(logger.registered_handler, "stream", log)
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    world.return_page(opened["checkout_session_id"])
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    about_events = [line for line in lines if line["message"] == "event seen"]
    assert {
        line.get("mandate_id") for line in about_events if line["event_type"] == "setup_intent.succeeded"
    } == {opened["mandate_id"]}
    assert all(line["event_id"].startswith("evt_") for line in about_events)


def test_no_mandate_is_stuck_because_stripe_is_down(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def down(*_: Any) -> None:
        raise StripeUnavailable("down")

    world.sweep_is_due(world.begun()["mandate_id"])
    monkeypatch.setattr(StripeCheckoutSessions, "retrieve", down)
    world.invoke("reconcile_events", {}, Context())
    assert sent(capsys)["MandatesStuckPending"] == [0.0]
