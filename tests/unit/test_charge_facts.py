"""A charge's facts and status: order and repetition don't matter, who holds room, and when it is due."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.charging.charge import (
    FINAL,
    HOLD_ROOM,
    ChargeStatus,
    Room,
    RoomChange,
    charge_status,
    due_at,
    retry_at,
    room,
    room_change,
)
from mandates.core.charging.facts import (
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    EndReason,
    Finding,
    attempt_of_event,
    charge_fact,
    charge_fact_from_plain,
    counted_attempts,
    declined_attempts,
    newest_attempt,
)
from mandates.core.charging.ids import (
    CHARGE_ID,
    attempt_in,
    attempt_key,
    charge_id,
    create_key,
    is_idempotency_key,
    mandate_id_of_charge,
)
from mandates.core.charging.notice import NoticeKey
from mandates.core.charging.waits import LATEST_LOOK, SOON
from mandates.core.facts import NO_FACTS, merge, to_plain
from mandates.core.ids import is_mandate_id
from tests.unit.laws import law

CHARGE_BY = 700_000
RESERVED = charge_fact(
    ChargeKind.RESERVED,
    1_000,
    "api:charge",
    amount="1000",
    currency="usd",
    charge_by=str(CHARGE_BY),
    period="2026-11-01",
    window="2026-10-31",
    retries="1,3,7",
)
INTENT = charge_fact(ChargeKind.INTENT_CREATED, 1_001, "api:charge")
CANCELED = charge_fact(ChargeKind.INTENT_CANCELED, 9_000, "evt_9")


def begun(attempt: int, period: str = "2026-11-01") -> ChargeFact:
    return charge_fact(
        ChargeKind.ATTEMPT_BEGUN, 1_000 + attempt, "api:charge", attempt=attempt, period=period
    )


def failed(attempt: int, code: str, status: str = "402") -> ChargeFact:
    return charge_fact(
        ChargeKind.ATTEMPT_FAILED, 2_000 + attempt, "evt_f", attempt=attempt, code=code, status=status
    )


def told(kind: ChargeKind, attempt: int, at: int = 3_000) -> ChargeFact:
    return charge_fact(kind, at, f"evt_{attempt}", attempt=attempt, charge=f"ch_{attempt}")


def examined(attempt: int, found: Finding) -> ChargeFact:
    return charge_fact(
        ChargeKind.ATTEMPT_EXAMINED, 4_000 + attempt, "api:charge", attempt=attempt, found=found
    )


def ending(reason: EndReason) -> ChargeFact:
    return charge_fact(ChargeKind.ENDING, 8_000, "api:sweep", reason=reason)


def of(*facts: ChargeFact) -> ChargeFacts:
    return merge(dict[str, ChargeFact](NO_FACTS), facts)


SUCCEEDED, PROCESSING = ChargeKind.ATTEMPT_SUCCEEDED, ChargeKind.ATTEMPT_PROCESSING
INVALID = "payment_intent_mandate_invalid"
SOFT, CUSTOMER, TOO_SMALL = "payment_method_provider_decline", "authentication_required", "amount_too_small"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([RESERVED], "pending"),
        ([RESERVED, INTENT], "pending"),
        ([RESERVED, INTENT, begun(1)], "pending"),
        ([RESERVED, begun(1), told(PROCESSING, 1)], "processing"),
        ([RESERVED, begun(1), told(PROCESSING, 1), failed(1, SOFT)], "retrying"),
        ([RESERVED, begun(1), failed(1, SOFT), begun(2)], "pending"),
        ([RESERVED, begun(1), begun(2), failed(1, SOFT), told(PROCESSING, 2)], "processing"),
        ([RESERVED, begun(1), failed(1, CUSTOMER)], "needs_customer"),
        ([RESERVED, begun(1), told(ChargeKind.ATTEMPT_NEEDS_ACTION, 1)], "needs_customer"),
        ([RESERVED, begun(1), failed(1, TOO_SMALL)], "processing"),  # to be cancelled
        ([RESERVED, begun(1), failed(1, "payment_intent_mandate_invalid")], "processing"),
        ([RESERVED, begun(1), failed(1, "payment_method_unexpected_state")], "processing"),
        ([RESERVED, begun(1), failed(1, INVALID), examined(1, Finding.NOTHING)], "retrying"),
        ([RESERVED, begun(1), failed(1, INVALID), examined(1, Finding.WITHDRAWN)], "processing"),
        ([RESERVED, begun(1), failed(1, "parameter_unknown", "400")], "retrying"),
        ([RESERVED, begun(1), failed(1, SOFT), begun(2), told(SUCCEEDED, 1)], "succeeded"),
        ([RESERVED, begun(1), failed(1, SOFT), ending(EndReason.OVERDUE)], "processing"),
        ([RESERVED, begun(1), ending(EndReason.OVERDUE), CANCELED], "failed"),
        ([RESERVED, begun(1), ending(EndReason.WITHDRAWN), CANCELED], "canceled"),
        ([RESERVED, begun(1), CANCELED], "canceled"),  # at Stripe, by somebody else
        ([RESERVED, INTENT, ending(EndReason.NOT_PERMITTED)], "failed"),
        ([RESERVED, INTENT, ending(EndReason.WITHDRAWN)], "canceled"),
        ([RESERVED, begun(1), ending(EndReason.WITHDRAWN), CANCELED, told(SUCCEEDED, 1)], "succeeded"),
    ],
)
def test_status_is_what_the_facts_say(facts: Sequence[ChargeFact], status: str) -> None:
    assert charge_status(of(*facts)) == status
    for order in itertools.permutations(facts):
        assert charge_status(of(*order)) == status


def test_every_reason_of_an_end_is_a_failure_or_a_cancellation() -> None:
    ends = {reason: charge_status(of(RESERVED, ending(reason))) for reason in EndReason}
    assert ends.pop(EndReason.WITHDRAWN) == ends.pop(EndReason.CANCELED) == ChargeStatus.CANCELED
    assert set(ends.values()) == {ChargeStatus.FAILED}


# ---------------------------------------------------------------------------------------------- laws

_numbers = st.integers(1, 3)
_codes = st.sampled_from([SOFT, CUSTOMER, TOO_SMALL, "resource_missing", "billing_invalid_mandate", ""])
any_fact = st.one_of(
    st.just(RESERVED),
    st.just(INTENT),
    st.builds(begun, _numbers, st.sampled_from(["2026-11-01", "2026-12-01"])),
    st.builds(failed, _numbers, _codes),
    st.builds(
        told,
        st.sampled_from([PROCESSING, SUCCEEDED, ChargeKind.ATTEMPT_NEEDS_ACTION]),
        _numbers,
        st.integers(1, 9),
    ),
    st.builds(examined, _numbers, st.sampled_from(Finding)),
    st.builds(ending, st.sampled_from(EndReason)),
    st.just(CANCELED),
    st.just(charge_fact(ChargeKind.INTENT_CREATED, 1, "evt_x")).map(
        lambda fact: charge_fact_from_plain({**to_plain(fact), "kind": "of_a_later_release"})
    ),
)
any_facts = st.lists(any_fact, max_size=8)


@law
@given(any_facts, any_facts, any_facts)
def test_merging_is_commutative_associative_and_idempotent(
    one: list[ChargeFact], two: list[ChargeFact], three: list[ChargeFact]
) -> None:
    a, b, c = of(*one), of(*two), of(*three)
    assert merge(a, b.values()) == merge(b, a.values())
    assert merge(merge(a, b.values()), c.values()) == merge(a, merge(b, c.values()).values())
    assert merge(a, a.values()) == a


@law
@given(any_facts, st.integers(1, 10**6))
def test_not_final_exactly_if_due(facts: list[ChargeFact], now: int) -> None:
    known = of(*facts)
    assert (due_at(known, now) is None) == (charge_status(known) in FINAL)


@law
@given(any_facts)
def test_room_is_held_exactly_while_money_can_be_taken_or_was(facts: list[ChargeFact]) -> None:
    known = of(RESERVED, *facts)
    status = charge_status(known)
    assert (room(known) is not None) == (status in HOLD_ROOM)
    over = status in {ChargeStatus.FAILED, ChargeStatus.CANCELED}
    freed = ChargeKind.INTENT_CANCELED in known or (ChargeKind.ENDING in known and newest_attempt(known) == 0)
    assert over == (freed and status is not ChargeStatus.SUCCEEDED)


@law
@given(any_facts, any_fact)
def test_what_is_final_stays_so_but_for_a_success(facts: list[ChargeFact], new: ChargeFact) -> None:
    before, after = of(RESERVED, *facts), of(RESERVED, *facts, new)
    status = charge_status(before)
    if status is ChargeStatus.SUCCEEDED:
        assert charge_status(after) is status
    elif ChargeKind.INTENT_CANCELED in before:
        assert charge_status(after) in FINAL


@law
@given(any_facts, any_facts)
def test_the_room_of_all_steps_adds_up(facts: list[ChargeFact], more: list[ChargeFact]) -> None:
    """Applied to a period's counter, the changes leave exactly what the charge holds in the end."""
    used: dict[str | None, int] = {}
    known = of()
    for fact in [RESERVED, *facts, *more, *facts]:
        after = merge(known, [fact])
        change = room_change(known, after)
        for side, sign in ((change.freed, -1), (change.taken, 1)):
            if side:
                used[side.period] = used.get(side.period, 0) + sign * side.amount
        known = after
    holds = room(known)
    assert {period: amount for period, amount in used.items() if amount} == (
        {holds.period: holds.amount} if holds else {}
    )


# ---------------------------------------------------------------------------------------------- room

HELD = Room(1_000, "2026-11-01", "2026-10-31")


def test_an_attempt_counts_in_its_own_period_and_the_window_stays() -> None:
    moved = room_change(of(RESERVED, begun(1)), of(RESERVED, begun(1), begun(2, "2026-12-01")))
    assert moved == RoomChange(HELD, Room(1_000, "2026-12-01", "2026-10-31"), late=False)


def test_a_reservation_takes_room_and_a_cancellation_frees_it() -> None:
    assert room_change(of(), of(RESERVED)) == RoomChange(None, HELD, late=False)
    attempted = of(RESERVED, begun(1), ending(EndReason.OVERDUE))
    assert room_change(of(RESERVED, begun(1)), attempted) == RoomChange(None, None, late=False)
    assert room_change(attempted, merge(attempted, [CANCELED])) == RoomChange(HELD, None, late=False)


def test_the_notice_is_held_and_freed_with_the_rest() -> None:
    """And stays that of the reservation in another period."""
    noticed = replace(RESERVED, detail={**RESERVED.detail, "notice": "ntc_1", "notice_day": "2026-11-27"})
    held = replace(HELD, notice=NoticeKey(date(2026, 11, 27), "ntc_1"))
    assert room_change(of(), of(noticed)) == RoomChange(None, held, late=False)
    attempted = of(noticed, begun(1), begun(2, "2026-12-01"))
    assert room(attempted) == replace(held, period="2026-12-01")
    assert room(of(noticed, ending(EndReason.NOT_PERMITTED))) is None
    given_up = of(noticed, begun(1), CANCELED)
    late = room_change(given_up, merge(given_up, [told(SUCCEEDED, 1)]))
    assert late == RoomChange(None, held, late=True)


@pytest.mark.parametrize(
    ("before", "freed"),
    [
        ((RESERVED, begun(1), CANCELED), None),
        ((RESERVED, begun(1), begun(2, "2026-12-01")), Room(1_000, "2026-12-01", "2026-10-31")),
    ],
)
def test_a_success_where_no_room_was_held_counts_and_is_late(
    before: tuple[ChargeFact, ...], freed: Room | None
) -> None:
    assert room_change(of(*before), of(*before, told(SUCCEEDED, 1))) == RoomChange(freed, HELD, late=True)


def test_a_success_in_time_changes_no_room() -> None:
    assert room_change(of(RESERVED, begun(1)), of(RESERVED, begun(1), told(SUCCEEDED, 1))).late is False


# ----------------------------------------------------------------------------------------------- due


def due_after(*facts: ChargeFact, now: int = 4_000) -> int | None:
    return due_at(of(RESERVED, *facts), now)


def test_what_is_pending_is_looked_at_in_a_minute_and_then_less_and_less_often() -> None:
    assert due_after(now=1_020) == 1_020 + SOON
    assert due_after(begun(1), now=1_020) == 1_020 + SOON
    assert due_after(begun(1), now=1_601) == 1_601 + 600 + 19
    assert due_after(begun(1), now=100_020) == 100_020 + LATEST_LOOK


def test_what_follows_in_the_same_minute_is_due_at_the_same_time() -> None:
    """So the index of due charges is left alone."""
    assert {due_after(now=now) for now in range(1_001, 1_021)} == {1_080}
    assert due_after(begun(1), now=1_015) == 1_080


def test_a_soft_decline_is_retried_on_the_days_of_the_reservation() -> None:
    """Counted from the first attempt, however late the later ones were."""
    many: list[ChargeFact] = []
    for number, days in enumerate([1, 3, 7], start=1):
        many += [begun(number), failed(number, SOFT)]
        assert retry_at(of(RESERVED, *many)) == 1_001 + days * 86_400
    many += [begun(4), failed(4, SOFT)]
    assert retry_at(of(RESERVED, *many)) is None
    assert due_after(*many) == 4_000 + SOON  # to end it


def test_without_retries_the_first_soft_decline_is_the_last() -> None:
    never = replace(RESERVED, detail={**RESERVED.detail, "retries": ""})
    assert retry_at(of(never, begun(1), failed(1, SOFT))) is None


def test_retries_whose_days_have_passed_are_half_a_day_apart() -> None:
    """After a pause of ten days, a declined card was tried three times in one second."""
    resumed = 1_001 + 10 * 86_400
    many = [begun(1), failed(1, SOFT)]
    for number in (2, 3):
        again = replace(begun(number), at=resumed + number)
        many += [again, replace(failed(number, SOFT), at=again.at + 3)]
        assert retry_at(of(RESERVED, *many)) == again.at + 43_200


def test_a_retry_whose_day_has_passed_is_due_at_once() -> None:
    late = replace(failed(1, SOFT), at=1_001 + 5 * 86_400)
    assert retry_at(of(RESERVED, begun(1), late)) == late.at


def test_what_is_ours_to_mend_backs_off_and_does_not_count() -> None:
    many: list[ChargeFact] = []
    found = []
    for number in range(1, 13):
        many += [begun(number), failed(number, "parameter_unknown", "400")]
        due = due_after(*many)
        assert due is not None
        found.append(due - 2_000 - number)
    assert found == [120, 240, 480, 960, 1_920, 3_840, 7_680, 15_360, *[LATEST_LOOK] * 4]
    assert counted_attempts(of(*many)) == 0
    assert declined_attempts(of(*many)) == frozenset()


def test_a_failure_that_stripe_does_not_bear_out_is_ours_to_mend_and_does_not_count() -> None:
    told_so = [begun(1), failed(1, INVALID)]
    assert due_after(*told_so, now=2_040) == 2_040 + SOON  # somebody has to examine it
    assert declined_attempts(of(*told_so)) == {1}
    told_so.append(examined(1, Finding.NOTHING))
    assert due_after(*told_so) == 2_001 + 120
    assert declined_attempts(of(*told_so)) == frozenset()


def test_processing_is_looked_at_less_and_less_often() -> None:
    processing = [begun(1), told(PROCESSING, 1)]
    assert due_after(*processing, now=3_000) == 3_000 + SOON
    assert due_after(*processing, now=3_600) == 4_200
    assert due_after(*processing, now=100_020) == 100_020 + LATEST_LOOK


def test_charge_by_is_when_it_ends_at_the_latest() -> None:
    assert due_after(begun(1), failed(1, CUSTOMER)) == CHARGE_BY
    assert due_after(begun(1), told(PROCESSING, 1), now=CHARGE_BY - 10) == CHARGE_BY
    ended = due_after(begun(1), told(PROCESSING, 1), ending(EndReason.OVERDUE), now=CHARGE_BY + 20)
    assert ended == CHARGE_BY + 20 + LATEST_LOOK  # Stripe would not cancel it


# ------------------------------------------------------------------------------------ attempts and ids

MANDATE = "mdt_aaaaaaaaaaaaaaaaaaaaaaaa"
CHARGE = charge_id(MANDATE, "order-1")


def test_an_id_is_derived_from_mandate_and_key() -> None:
    assert CHARGE_ID.fullmatch(CHARGE)
    assert (mandate_id_of_charge(CHARGE), is_mandate_id(mandate_id_of_charge(CHARGE))) == (MANDATE, True)
    assert CHARGE.removeprefix("chg_aaaaaaaaaaaaaaaaaaaaaaaa_") == "5xzs3oantbtpzgdp"
    assert charge_id(MANDATE, "order-1") == CHARGE != charge_id(MANDATE, "order-2")
    assert charge_id("mdt_" + "b" * 24, "order-1")[-16:] == CHARGE[-16:]


@pytest.mark.parametrize("value", ["", "chg_x", "mdt_" + "a" * 24, CHARGE + "\n", CHARGE.upper()])
def test_what_is_no_charges_id_names_no_mandate(value: str) -> None:
    with pytest.raises(ValueError, match="id of a charge"):
        mandate_id_of_charge(value)


@pytest.mark.parametrize(
    ("key", "taken"), [("!", True), ("~" * 255, True), ("", False), ("a b", False), ("é", False)]
)
def test_a_callers_key_is_visible_ascii(key: str, taken: bool) -> None:
    assert is_idempotency_key(key) is taken
    assert not is_idempotency_key("a" * 256)


def test_stripes_keys_name_the_step() -> None:
    assert create_key(CHARGE) == f"charge/{CHARGE}/create"
    assert create_key(CHARGE, 2) == f"charge/{CHARGE}/create/2"
    assert attempt_in(CHARGE, attempt_key(CHARGE, 12)) == 12
    for other in (None, "", create_key(CHARGE), attempt_key(CHARGE, 0), attempt_key(CHARGE[:-1] + "2", 1)):
        assert attempt_in(CHARGE, other) is None


KNOWN = of(
    RESERVED, begun(1), begun(2), charge_fact(ChargeKind.ATTEMPT_FAILED, 1_003, "x", attempt=1, charge="ch_1")
)


@pytest.mark.parametrize(
    ("key", "charge", "created", "attempt"),
    [
        (attempt_key(CHARGE, 1), None, 5_000, 1),
        (attempt_key(CHARGE, 3), "ch_1", 5_000, 3),
        (None, "ch_1", 5_000, 1),
        ("a key of somebody else", "ch_unknown", 5_000, 2),
        (None, None, 1_001, 1),
        (None, None, 1_000, None),
    ],
)
def test_which_attempt_an_event_is_about(
    key: str | None, charge: str | None, created: int, attempt: int | None
) -> None:
    found = attempt_of_event(KNOWN, CHARGE, idempotency_key=key, stripe_charge=charge, created=created)
    assert found == attempt


# --------------------------------------------------------------------------------------------- stored


def test_the_stored_words_never_change() -> None:
    assert [kind.value for kind in ChargeKind] == [
        "reserved",
        "intent_created",
        "attempt_begun",
        "attempt_processing",
        "attempt_needs_action",
        "attempt_failed",
        "attempt_examined",
        "attempt_succeeded",
        "ending",
        "intent_canceled",
        "refund_requested",
        "refund_created",
        "refund_succeeded",
        "refund_failed",
        "dispute_opened",
        "dispute_changed",
        "dispute_closed",
    ]
    assert [found.value for found in Finding] == ["withdrawn", "nothing"]
    assert [reason.value for reason in EndReason] == [
        "declined",
        "not_permitted",
        "overdue",
        "withdrawn",
        "canceled",
    ]


@law
@given(any_fact)
def test_a_fact_comes_back_from_json(fact: ChargeFact) -> None:
    read = charge_fact_from_plain(json.loads(json.dumps(to_plain(fact))))
    assert read == fact
    assert isinstance(read.kind, ChargeKind) == (fact.kind in set(ChargeKind))


@pytest.mark.parametrize(
    "altered",
    [
        {"kind": "a#b"},
        {"kind": ""},
        {"kind": 5},
        {"qualifier": ""},
        {"qualifier": "0"},
        {"qualifier": "x"},
        {"at": -1},
    ],
)
def test_what_is_no_fact_is_not_half_understood(altered: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        charge_fact_from_plain({**to_plain(begun(1)), **altered})
