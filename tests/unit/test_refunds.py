"""What may be refunded, and how each refund stands, whatever the order in which it is told."""

import itertools
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.charging.change import charge_change
from mandates.core.charging.charge import ChargeStatus, charge_status, due_at, is_settled
from mandates.core.charging.disputes import (
    StripeDispute,
    disputes,
    facts_of_stripe_dispute,
    lost,
    open_disputes,
)
from mandates.core.charging.facts import ChargeFact, ChargeFacts, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import (
    REFUND_ID,
    charge_id,
    charge_id_of_refund,
    refund_id,
    refund_id_of_stripe,
    refund_key,
)
from mandates.core.charging.refunds import (
    GIVE_UP_SECONDS,
    MOST_REFUNDS,
    REFUND_SECONDS,
    RefundReason,
    RefundStatus,
    StripeRefund,
    facts_of_stripe_refund,
    facts_of_stripe_refunds,
    is_given_up,
    is_unanswered,
    left_to_refund,
    may_be_sent,
    refund_reasons,
    refunded,
    refunds,
    taken,
)
from mandates.core.charging.steps import FollowRefunds, Nothing, next_step
from mandates.core.charging.waits import KEY_SECONDS
from mandates.core.clock import Instant
from mandates.core.facts import merge
from tests.unit.laws import law
from tests.unit.test_charge_facts import INTENT, RESERVED, SUCCEEDED, begun, of, told

CHARGE = charge_id(f"mdt_{'a' * 24}", "order-42")
PAID = (RESERVED, INTENT, begun(1), told(SUCCEEDED, 1, at=3_000))
"""1,000 usd, taken at 3,000."""


def requested(key: str, amount: int, at: int = 4_000) -> ChargeFact:
    return charge_fact(
        ChargeKind.REFUND_REQUESTED,
        at,
        "api:create_refund",
        about=refund_id(CHARGE, key),
        amount=str(amount),
        currency="usd",
        actor="shop",
        request="0" * 64,
    )


def at_stripe(key: str, status: str, amount: int = 600, created: int = 4_010) -> StripeRefund:
    return StripeRefund(f"re_{key}", "pi_1", status, amount, "usd", created, refund_id(CHARGE, key))


def hearing(facts: ChargeFacts, refund: StripeRefund, at: int) -> ChargeFacts:
    return merge(facts, facts_of_stripe_refund(facts, CHARGE, refund, at, "evt_1"))


def disputed(status: str, amount: int = 1_000, dispute: str = "du_1") -> StripeDispute:
    return StripeDispute(dispute, "pi_1", status, amount, "usd", 5_000, "ch_1", "fraudulent", "claim", 90_000)


def reasons(facts: ChargeFacts, amount: int | None = 600, now: int = 6_000) -> list[RefundReason]:
    return refund_reasons(facts, amount, now)


def test_ids_name_their_charge_and_differ_by_where_the_refund_was_made() -> None:
    ours, theirs = refund_id(CHARGE, "re_1"), refund_id_of_stripe(CHARGE, "re_1")
    assert ours != theirs
    for one in (ours, theirs):
        assert REFUND_ID.fullmatch(one)
        assert charge_id_of_refund(one) == CHARGE
    assert refund_key(ours) == f"refund/{ours}"
    with pytest.raises(ValueError, match="not the id"):
        charge_id_of_refund(CHARGE)


@pytest.mark.parametrize(
    ("facts", "amount", "now", "expected"),
    [
        (PAID, 1_000, 3_000 + REFUND_SECONDS - 1, []),
        (PAID, None, 6_000, []),
        (PAID, 1_001, 6_000, ["more_than_left"]),
        (PAID, 1, 3_000 + REFUND_SECONDS, ["too_late"]),
        (PAID[:3], 1, 6_000, ["not_succeeded"]),
        ((*PAID, requested("a", 1_000)), None, 6_000, ["nothing_left"]),
        ((*PAID, requested("a", 1_000)), 1, 6_000, ["nothing_left"]),
        ((*PAID, requested("a", 600)), 400, 6_000, []),
        ((*PAID, requested("a", 600)), 401, 6_000, ["more_than_left"]),
        (
            (*PAID, *(requested(str(number), 1) for number in range(MOST_REFUNDS))),
            1,
            6_000,
            ["too_many_refunds"],
        ),
    ],
)
def test_a_refund_is_refused_for_every_reason_that_applies(
    facts: Sequence[ChargeFact], amount: int | None, now: int, expected: list[str]
) -> None:
    assert refund_reasons(of(*facts), amount, now) == expected


def test_a_success_of_another_amount_is_what_can_be_given_back() -> None:
    other = charge_fact(ChargeKind.ATTEMPT_SUCCEEDED, 3_000, "evt", attempt=1, amount="700", currency="usd")
    assert (taken(of(*PAID[:3], other)), left_to_refund(of(*PAID[:3], other))) == (700, 700)


def test_a_refund_that_fails_gives_its_amount_back_even_after_it_succeeded() -> None:
    told_in_turn = [("pending", 4_010), ("succeeded", 5_000), ("failed", 6_000)]
    for order in itertools.permutations(told_in_turn):
        facts = of(*PAID, requested("a", 600))
        assert left_to_refund(facts) == 400
        for status, at in order:
            facts = hearing(facts, at_stripe("a", status), at)
        (refund,) = refunds(facts)
        assert (refund.status, refund.failure, refund.stripe_refund_id) == ("failed", "failed", "re_a")
        assert (left_to_refund(facts), refunded(facts)) == (1_000, 0)


def test_a_refund_that_was_given_up_and_that_stripe_has_is_as_stripe_says() -> None:
    gave_up = charge_fact(
        ChargeKind.REFUND_FAILED,
        90_000,
        "api:advance_charges",
        about=refund_id(CHARGE, "a"),
        reason="not_answered",
    )
    facts = of(*PAID, requested("a", 600), gave_up)
    assert (refunds(facts)[0].failure, left_to_refund(facts)) == ("not_answered", 1_000)
    for status, left in (("pending", 400), ("succeeded", 400), ("failed", 1_000)):
        facts = hearing(facts, at_stripe("a", status), 91_000)
        assert (refunds(facts)[0].status, left_to_refund(facts)) == (status, left)


def test_the_same_news_twice_adds_nothing() -> None:
    facts = hearing(of(*PAID, requested("a", 600)), at_stripe("a", "succeeded"), 5_000)
    assert facts_of_stripe_refund(facts, CHARGE, at_stripe("a", "succeeded"), 5_500, "evt_2") == ()
    assert facts_of_stripe_refund(facts, CHARGE, at_stripe("a", "pending"), 5_500, "evt_2") == ()


def test_a_refund_that_was_made_at_stripe_counts() -> None:
    made_there = StripeRefund("re_9", "pi_1", "pending", 300, "usd", 4_000, reason="duplicate")
    facts = hearing(of(*PAID), made_there, 4_500)
    (refund,) = refunds(facts)
    assert refund.refund_id == refund_id_of_stripe(CHARGE, "re_9")
    assert (refund.amount, refund.reason, refund.actor, refund.requested_at) == (300, "duplicate", "", 4_000)
    assert left_to_refund(facts) == 700


def test_a_refund_whose_metadata_was_edited_is_still_the_same() -> None:
    facts = hearing(of(*PAID, requested("a", 600)), at_stripe("a", "pending"), 4_500)
    edited = StripeRefund("re_a", "pi_1", "succeeded", 600, "usd", 4_010, "")
    facts = hearing(facts, edited, 5_000)
    assert [refund.status for refund in refunds(facts)] == [RefundStatus.SUCCEEDED]


def test_another_charges_refund_id_is_not_believed() -> None:
    foreign = charge_id(f"mdt_{'b' * 24}", "order-42")
    claimed = StripeRefund("re_9", "pi_1", "pending", 300, "usd", 4_000, refund_id(foreign, "a"))
    facts = hearing(of(*PAID), claimed, 4_500)
    assert [refund.refund_id for refund in refunds(facts)] == [refund_id_of_stripe(CHARGE, "re_9")]


def test_a_refund_is_sent_while_stripe_surely_keeps_its_key() -> None:
    (refund,) = refunds(of(*PAID, requested("a", 600)))
    assert is_unanswered(refund)
    assert may_be_sent(refund, 4_000 + KEY_SECONDS - 1)
    assert not may_be_sent(refund, 4_000 + KEY_SECONDS)


def test_what_was_lost_in_another_currency_leaves_nothing_to_refund() -> None:
    """Stripe may convert a dispute's amount: 700 yen are not 700 cents."""
    lost_yen = StripeDispute("du_1", "pi_1", "lost", 700, "jpy", 5_000)
    facts = merge(of(*PAID), facts_of_stripe_dispute({}, lost_yen, None, 6_000, "evt_1"))
    assert (lost(facts), left_to_refund(facts)) == (700, 0)
    assert reasons(facts, amount=1) == [RefundReason.NOTHING_LEFT]
    won = StripeDispute("du_1", "pi_1", "won", 700, "jpy", 5_000)
    assert left_to_refund(merge(of(*PAID), facts_of_stripe_dispute({}, won, None, 6_000, "evt_1"))) == 1_000


def test_a_refund_is_given_up_an_hour_after_anybody_may_have_sent_it() -> None:
    """Two workers look when the key's time ends: one has just sent it, and the other's list lacks it."""
    (refund,) = refunds(of(*PAID, requested("a", 600)))
    last_sent = 4_000 + KEY_SECONDS - 1
    assert not is_given_up(refund, last_sent + 3_600)
    assert is_given_up(refund, 4_000 + GIVE_UP_SECONDS)


def test_a_refund_that_turns_up_takes_back_no_failure_of_another() -> None:
    given_up = charge_fact(
        ChargeKind.REFUND_FAILED, 5_000, "api:x", about=refund_id(CHARGE, "a"), reason="not_answered"
    )
    charge = Charge(CHARGE, 1, "", {}, None, {}, of(*PAID, requested("a", 600), given_up))
    turns_up = facts_of_stripe_refund(charge.facts, CHARGE, at_stripe("a", "pending"), 6_000, "evt_1")
    change = charge_change(charge, turns_up, source="evt_1", now=Instant(6_000))
    assert change
    assert (change.refunds_failed, refunded(change.after.facts)) == (0, 600)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_refunds_with_one_id_of_ours_each_counts(order: Sequence[int]) -> None:
    """Somebody copied our metadata in the Dashboard, or Stripe forgot a key. The failure of one says nothing
    about the other, and nobody may give the same money back again."""
    first = at_stripe("a", "succeeded", 600, created=4_010)
    copied = StripeRefund("re_b", "pi_1", "failed", 300, "usd", 4_020, first.refund_id)
    again = StripeRefund("re_c", "pi_1", "pending", 100, "usd", 4_030, first.refund_id)
    listed = [(first, copied, again)[place] for place in order]
    known = of(*PAID, requested("a", 600))
    at_once = merge(known, facts_of_stripe_refunds(known, CHARGE, listed, 5_000, "api:read"))
    assert [(one.refund_id, one.status, one.amount) for one in refunds(at_once)] == [
        (first.refund_id, RefundStatus.SUCCEEDED, 600),
        (refund_id_of_stripe(CHARGE, "re_b"), RefundStatus.FAILED, 300),
        (refund_id_of_stripe(CHARGE, "re_c"), RefundStatus.PENDING, 100),
    ]
    one_by_one = known
    for refund in listed:
        one_by_one = hearing(one_by_one, refund, 5_000)
    assert (refunded(one_by_one), left_to_refund(one_by_one)) == (700, 300)


def test_a_pending_refund_makes_its_charge_due_and_not_settled() -> None:
    facts = of(*PAID)
    assert (due_at(facts, 5_000), is_settled(facts), next_step(facts, 5_000)) == (None, True, Nothing())
    facts = of(*PAID, requested("a", 600))
    assert charge_status(facts) is ChargeStatus.SUCCEEDED
    assert due_at(facts, 4_020) == 4_080
    assert due_at(facts, 14_000) == 24_000  # as long again as there was no news
    assert (is_settled(facts), next_step(facts, 5_000)) == (False, FollowRefunds())
    facts = hearing(facts, at_stripe("a", "succeeded"), 6_000)
    assert (due_at(facts, 7_000), is_settled(facts), next_step(facts, 7_000)) == (None, True, Nothing())


# ---------------------------------------------------------------------------------------- disputes

OPENED, CHANGED, CLOSED = ChargeKind.DISPUTE_OPENED, ChargeKind.DISPUTE_CHANGED, ChargeKind.DISPUTE_CLOSED


def telling(dispute: StripeDispute, kind: ChargeKind | None, at: int, known: ChargeFacts) -> ChargeFacts:
    return merge(known, facts_of_stripe_dispute(known, dispute, kind, at, f"evt_{at}_{kind}"))


@pytest.mark.parametrize(
    ("status", "left", "refused"),
    [("won", 1_000, []), ("lost", 0, ["nothing_left"]), ("warning_closed", 1_000, [])],
)
def test_a_dispute_refuses_refunds_until_it_is_closed_in_any_order(
    status: str, left: int, refused: list[str]
) -> None:
    news = [
        (disputed("needs_response"), OPENED, 5_000),
        (disputed("under_review"), CHANGED, 5_500),
        (disputed(status), CHANGED, 6_000),
        (disputed(status), CLOSED, 6_000),  # in the same second
    ]
    for order in itertools.permutations(news):
        facts = of(*PAID)
        for dispute, kind, at in order:
            facts = telling(dispute, kind, at, facts)
        assert [one.status for one in disputes(facts)] == [status]
        assert (open_disputes(facts), left_to_refund(facts), reasons(facts)) == (frozenset(), left, refused)
    facts = of(*PAID)
    for dispute, kind, at in news[:2]:
        facts = telling(dispute, kind, at, facts)
        assert open_disputes(facts) == {"du_1"}
        assert (reasons(facts), is_settled(facts)) == (["disputed"], False)


def test_a_lost_dispute_takes_only_its_own_amount() -> None:
    facts = telling(disputed("lost", amount=300), None, 6_000, of(*PAID))
    assert (lost(facts), left_to_refund(facts)) == (300, 700)


def test_an_appeal_opens_it_again() -> None:
    facts = telling(disputed("lost"), CLOSED, 6_000, of(*PAID))
    facts = telling(disputed("appeal_under_review"), CHANGED, 7_000, facts)
    assert open_disputes(facts) == {"du_1"}
    assert open_disputes(telling(disputed("won"), CLOSED, 8_000, facts)) == frozenset()


def test_a_dispute_that_was_read_adds_only_what_is_new() -> None:
    facts = telling(disputed("needs_response"), None, 7_000, of(*PAID))
    assert [one.opened_at for one in disputes(facts)] == [5_000]
    assert telling(disputed("needs_response"), None, 8_000, facts) == facts
    assert telling(disputed("needs_response"), OPENED, 5_001, facts) == facts
    assert open_disputes(telling(disputed("won"), None, 9_000, facts)) == frozenset()


# ---------------------------------------------------------------------------------------------- laws

_keys = st.sampled_from("abc")
_statuses = st.sampled_from(["pending", "requires_action", "succeeded", "failed", "canceled"])
_news = st.lists(st.tuples(_keys, _statuses, st.integers(4_100, 4_400)), max_size=8)


@law
@given(_news, st.randoms(use_true_random=False))
def test_refunds_are_the_same_in_whatever_order_they_are_told(
    news: list[tuple[str, str, int]], chance: Random
) -> None:
    asked = of(*PAID, *(requested(key, 300) for key in "abc"))

    def standing(order: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
        facts = asked
        for key, status, at in order:
            facts = hearing(facts, at_stripe(key, status, 300), at)
        assert left_to_refund(facts) == 1_000 - 300 * sum(refund.counts for refund in refunds(facts))
        return [(refund.refund_id, refund.status, refund.amount) for refund in refunds(facts)]

    shuffled = news.copy()
    chance.shuffle(shuffled)
    assert standing(news) == standing(shuffled)
