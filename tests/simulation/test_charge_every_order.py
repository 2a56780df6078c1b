"""Our answer, Stripe's events and the sweeper tell of one charge, in every order and repeated: the facts, the
status, the room and the declines are the same (docs/reliability.md). `pytest -s` prints the figures."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial

import pytest

from mandates.core.charging import change, charge, facts, head, reports
from mandates.core.charging.charge import RoomChange
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    OF_ATTEMPTS,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    EndReason,
    Finding,
    attempt_of_event,
    charge_fact,
)
from mandates.core.charging.ids import attempt_key
from mandates.core.charging.reports import Intent, PaymentError, facts_of_intent, facts_of_refusal
from mandates.core.facts import merge
from tests.simulation.core_charge import (
    AMOUNT,
    AT,
    CHARGE_ID,
    NEXT_MONTH,
    TOMORROW,
    CoreCharge,
    OrderMatters,
    Report,
    every_order,
)
from tests.simulation.laws import broken_laws, tellings

SOAK = os.environ.get("SOAK") == "1"
SOFT = PaymentError(code="payment_method_provider_decline")
OURS = PaymentError("400", "parameter_unknown")
BEGUN_AGAIN = AT + 4_000

ANSWER_1, EVENT_1, LATE_EVENT_1 = "answer: declined", "event: failed", "event without a key: failed"
PROCESSING_1 = "event: processing"
BEGIN_2 = "attempt 2"
ANSWER_2, EVENT_2, SWEEPER_2 = "answer 2: succeeded", "event 2: succeeded", "sweeper: succeeded"
FAILED_2, ACTION_2 = "event 2: failed", "event 2: requires action"
CANCELED, SWEEPER_CANCELED = "event: canceled", "sweeper: canceled"
ENDING, EXAMINED_1 = "ending", "examined"


def _event(
    known: ChargeFacts,
    *,
    number: int,
    happened: ChargeKind,
    created: int,
    attempt: int | None = None,
    stripe_charge: str | None = None,
    error: PaymentError = SOFT,
) -> tuple[ChargeFact, ...]:
    """As webhooks are applied. `attempt` is what the key of the request says, where Stripe has that."""
    of = attempt_of_event(
        known,
        CHARGE_ID,
        idempotency_key=attempt_key(CHARGE_ID, attempt) if attempt else None,
        stripe_charge=stripe_charge,
        created=created,
    )
    report = reports.Report(happened, created, f"evt_{number}", AMOUNT, "usd", stripe_charge, error)
    return reports.facts_of_report(known, report, of)


def _intent(known: ChargeFacts, *, status: str, at: int, attempt: int | None) -> tuple[ChargeFact, ...]:
    latest = "ch_2" if status == "succeeded" else None
    intent = Intent("pi_1", status, AMOUNT, "usd", latest)
    source = "api:create_charge" if attempt else "api:advance_charges"
    return facts_of_intent(known, intent, at, source, attempt=attempt, confirm_in_flight=attempt is None)


def _own(_: ChargeFacts, *, fact: ChargeFact) -> tuple[ChargeFact, ...]:
    return (fact,)


def _refused(_: ChargeFacts, *, error: PaymentError) -> tuple[ChargeFact, ...]:
    return facts_of_refusal(1, error, AT + 2, "api:create_charge")


_FAILED, _SUCCEEDED = ChargeKind.ATTEMPT_FAILED, ChargeKind.ATTEMPT_SUCCEEDED
_AGAIN = charge_fact(
    ChargeKind.ATTEMPT_BEGUN, BEGUN_AGAIN, "api:advance_charges", attempt=2, period=NEXT_MONTH, day=TOMORROW
)
_EXAMINED = charge_fact(
    ChargeKind.ATTEMPT_EXAMINED, AT + 9, "api:advance_charges", attempt=1, found=Finding.NOTHING
)
_ENDING = charge_fact(ChargeKind.ENDING, AT + 5_000, "api:advance_charges", reason=EndReason.OVERDUE)
SECOND = frozenset({BEGIN_2})

REPORTS = (
    Report(ANSWER_1, partial(_refused, error=PaymentError("402", SOFT.code))),
    Report(EVENT_1, partial(_event, number=1, happened=_FAILED, created=AT + 2, attempt=1)),
    Report(LATE_EVENT_1, partial(_event, number=2, happened=_FAILED, created=AT + 60)),
    Report(
        PROCESSING_1,
        partial(_event, number=3, happened=ChargeKind.ATTEMPT_PROCESSING, created=AT + 2, attempt=1),
    ),
    Report(EXAMINED_1, partial(_own, fact=_EXAMINED)),
    Report(BEGIN_2, partial(_own, fact=_AGAIN)),
    Report(ANSWER_2, partial(_intent, status="succeeded", at=BEGUN_AGAIN + 2, attempt=2), SECOND),
    Report(
        EVENT_2,
        partial(
            _event,
            number=4,
            happened=_SUCCEEDED,
            created=BEGUN_AGAIN + 1,
            attempt=2,
            stripe_charge="ch_2",
        ),
        SECOND,
    ),
    Report(SWEEPER_2, partial(_intent, status="succeeded", at=BEGUN_AGAIN + 90, attempt=None), SECOND),
    Report(FAILED_2, partial(_event, number=5, happened=_FAILED, created=BEGUN_AGAIN + 1, attempt=2), SECOND),
    Report(
        ACTION_2,
        partial(
            _event,
            number=6,
            happened=ChargeKind.ATTEMPT_NEEDS_ACTION,
            created=BEGUN_AGAIN + 1,
            attempt=2,
        ),
        SECOND,
    ),
    Report(ENDING, partial(_own, fact=_ENDING)),
    Report(
        CANCELED,
        partial(_event, number=7, happened=ChargeKind.INTENT_CANCELED, created=BEGUN_AGAIN + 2),
    ),
    Report(SWEEPER_CANCELED, partial(_intent, status="canceled", at=BEGUN_AGAIN + 80, attempt=None)),
)


def expected(told: frozenset[str]) -> str:
    """What docs/architecture.md says of a charge of which all this was told, in whatever order."""
    if told & {ANSWER_2, EVENT_2, SWEEPER_2}:
        return "succeeded"
    if told & {CANCELED, SWEEPER_CANCELED}:
        return "failed" if ENDING in told else "canceled"
    if ENDING in told:
        return "processing"
    if BEGIN_2 in told:
        if FAILED_2 in told:
            return "retrying"
        return "needs_customer" if ACTION_2 in told else "pending"
    if told & {ANSWER_1, EVENT_1, LATE_EVENT_1}:
        return "retrying"
    return "processing" if PROCESSING_1 in told else "pending"


def test_the_laws_hold_over_all_pairs_and_triples_of_facts() -> None:
    told: list[ChargeFact] = []
    for kind in ChargeKind:
        for attempt in ("1", "2") if kind in OF_ATTEMPTS else ("",):
            told += tellings(str(kind), attempt)
    assert broken_laws(merge, told) == {}
    assert {fact.kind for fact in told} == set(ChargeKind)


@pytest.mark.parametrize("most", [4, *([5] if SOAK else [])])
def test_every_order_of_reports_leads_to_one_charge(most: int) -> None:
    orders, statuses, late = 0, Counter[str](), 0
    for reached in every_order(REPORTS, most, expected):
        orders += 1
        statuses[str(reached.charge.status)] += 1
        late += reached.late
    free = [report for report in REPORTS if not report.after]
    alone = sum(len(list(itertools.permutations(free, size))) for size in range(most + 1))
    assert orders > alone > 0
    assert statuses.keys() == {str(status) for status in charge.ChargeStatus}
    assert late  # a success is heard of after the cancellation in some orders, and counts all the same
    print(f"\n{orders:,} orders of up to {most} of {len(REPORTS)} reports, {late} with a late success")


def test_all_reports_of_one_success_in_every_order() -> None:
    told = [one for one in REPORTS if one.name in {ANSWER_1, EVENT_1, BEGIN_2, ANSWER_2, EVENT_2, CANCELED}]
    ends = [reached for reached in every_order(told, len(told), expected) if reached.held]
    assert {reached.charge.entries for reached in ends} >= {7, 8, 9}


def _failed(*, first: PaymentError, second: PaymentError) -> tuple[Report, ...]:
    return (
        Report(ANSWER_1, partial(_refused, error=first)),
        Report(EVENT_1, partial(_event, number=1, happened=_FAILED, created=AT + 1, attempt=1, error=second)),
        Report(EXAMINED_1, partial(_own, fact=_EXAMINED)),
        Report(BEGIN_2, partial(_own, fact=_AGAIN)),
    )


@pytest.mark.parametrize(("first", "second"), [(SOFT, OURS), (OURS, SOFT)])
def test_what_counts_as_declined_does_not_depend_on_the_order(
    first: PaymentError, second: PaymentError
) -> None:
    """The earlier report of a failure says whose it was, and whatever was counted before is taken back."""
    told = _failed(first=first, second=second)

    def after(names: frozenset[str]) -> str:
        return "retrying" if BEGIN_2 not in names and names & {ANSWER_1, EVENT_1} else "pending"

    for reached in every_order(told, len(told), after):
        declined = facts.declined_attempts(reached.charge.facts)
        assert sum(reached.declines.values()) == len(declined)


# ------------------------------------------------------------------------------------------ that it can fail


def last_writer_wins(known: ChargeFacts, new: Iterable[ChargeFact]) -> ChargeFacts:
    return {**known, **{fact.key: fact for fact in new}}


def newest_attempt_is_all(known: ChargeFacts) -> int | None:
    newest = facts.newest_attempt(known)
    return newest if f"{ChargeKind.ATTEMPT_SUCCEEDED}#{newest}" in known else None


def takes_and_never_frees(before: ChargeFacts, after: ChargeFacts) -> RoomChange:
    real = ROOM_CHANGE(before, after)
    return RoomChange(None, real.taken, real.late)


def ignores_what_comes_late(before: ChargeFacts, after: ChargeFacts) -> RoomChange:
    real = ROOM_CHANGE(before, after)
    return RoomChange(None, None, late=False) if before and real.taken and not real.freed else real


ROOM_CHANGE = charge.room_change


def _cancellation_beats_success(known: ChargeFacts) -> charge.ChargeStatus:
    if ChargeKind.INTENT_CANCELED in known:
        return charge.ChargeStatus.CANCELED
    return STATUS(known)


STATUS = charge.charge_status


def _newest_attempt_of_event(known: ChargeFacts, *_: object, **__: object) -> int | None:
    return facts.newest_attempt(known) or None


MISTAKES: Mapping[str, tuple[object, str, object]] = {
    "the last report wins": (change, "merge", last_writer_wins),
    "room is never given up": (change, "room_change", takes_and_never_frees),
    "a late success takes no room": (change, "room_change", ignores_what_comes_late),
    "declines are not counted": (change, "declined_attempts", lambda _: frozenset()),
    "a cancellation beats a success": (head, "charge_status", _cancellation_beats_success),
    "an event is about the newest attempt": (None, "attempt_of_event", _newest_attempt_of_event),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = MISTAKES[mistake]
    if where is None:
        monkeypatch.setitem(globals(), name, wrong)
    else:
        monkeypatch.setattr(where, name, wrong)
    with pytest.raises(OrderMatters):
        _go_through_every_order()


def _go_through_every_order() -> None:
    for reached in every_order(REPORTS, 4, expected):
        _check_declines(reached)


def _check_declines(reached: CoreCharge) -> None:
    declined = facts.declined_attempts(reached.charge.facts)
    if sum(reached.declines.values()) != len(declined):
        raise OrderMatters(f"{declined} are declined, and {reached.declines} are counted")


def test_a_failure_of_ours_is_told_from_a_decline() -> None:
    """Otherwise the two orders above would not differ in what is counted."""
    answered, told = (facts_of_refusal(1, error, AT, "api:x")[0] for error in (OURS, SOFT))
    assert facts.class_of(answered) is ErrorClass.OURS_TO_MEND
    assert facts.class_of(told) is ErrorClass.SOFT
