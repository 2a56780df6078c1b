"""What to do about the checkout there is: every case, and every edge in time."""

from dataclasses import replace
from typing import Any

import pytest

from mandates.core.checkout import (
    MOST_STARTS,
    Abandon,
    CheckoutStep,
    Refuse,
    Replace,
    Resume,
    Reuse,
    Start,
    checkout_step,
    recent_starts,
    wait_before_another,
)
from mandates.core.checkout_slot import CheckoutRequest, Refusal, Slot
from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS, SESSION_LIFETIME_SECONDS
from mandates.core.mandate import Status

HOUR = 3600
BEGUN = 1_790_000_000
REQUEST = CheckoutRequest(
    "2026-11-01", "ab" * 32, "en", "cd" * 32, "https://shop.example/return", "https://shop.example/cart"
)
UNRESOLVED = Slot(
    mandate_id="mdt_example",
    request=REQUEST,
    params={"mode": "setup"},
    created_at=BEGUN,
    expires_at=BEGUN + SESSION_LIFETIME_SECONDS,
    starts={"mdt_example": BEGUN},
)
SESSION = ("cs_test_example", "https://checkout.example/")
OPEN = replace(UNRESOLVED, checkout_session_id=SESSION[0], url=SESSION[1])
OTHER = replace(REQUEST, locale="de")
URL_INVALID = Refusal("success_url", "url_invalid")
REFUSED = replace(UNRESOLVED, refusal=URL_INVALID)


@pytest.mark.parametrize(
    ("slot", "request_", "mandate", "seconds_later", "expected"),
    [
        # nothing in the way
        (None, REQUEST, None, 0, Start()),
        (OPEN, REQUEST, None, 0, Start()),
        (OPEN, REQUEST, Status.ACTIVE, 60, Start()),
        (OPEN, REQUEST, Status.EXPIRED, 60, Start()),
        (OPEN, REQUEST, Status.REVOKED, 60, Start()),
        (UNRESOLVED, REQUEST, Status.EXPIRED, 60, Start()),
        (UNRESOLVED, REQUEST, Status.REVOKED, 24 * HOUR, Start()),
        # an open session
        (OPEN, REQUEST, Status.PENDING, 0, Reuse(OPEN, *SESSION)),
        (OPEN, REQUEST, Status.PENDING, 23 * HOUR, Reuse(OPEN, *SESSION)),
        (OPEN, REQUEST, Status.PENDING, SESSION_LIFETIME_SECONDS - 1, Reuse(OPEN, *SESSION)),
        (OPEN, REQUEST, Status.PENDING, SESSION_LIFETIME_SECONDS, Start()),
        (OPEN, OTHER, Status.PENDING, 0, Replace(OPEN)),
        (OPEN, OTHER, Status.PENDING, SESSION_LIFETIME_SECONDS - 1, Replace(OPEN)),
        (OPEN, OTHER, Status.PENDING, SESSION_LIFETIME_SECONDS, Start()),
        # one whose creation was begun and never confirmed
        (UNRESOLVED, REQUEST, Status.PENDING, 0, Resume(UNRESOLVED)),
        (UNRESOLVED, REQUEST, Status.PENDING, 23 * HOUR - 1, Resume(UNRESOLVED)),
        (UNRESOLVED, REQUEST, Status.PENDING, 23 * HOUR, Abandon(UNRESOLVED)),
        (UNRESOLVED, REQUEST, Status.PENDING, 48 * HOUR, Abandon(UNRESOLVED)),
        (UNRESOLVED, OTHER, Status.PENDING, 0, Replace(UNRESOLVED)),
        (UNRESOLVED, OTHER, Status.PENDING, 23 * HOUR - 1, Replace(UNRESOLVED)),
        (UNRESOLVED, OTHER, Status.PENDING, 23 * HOUR, Abandon(UNRESOLVED)),
        # one whose URL Stripe refused
        (REFUSED, REQUEST, Status.EXPIRED, 0, Refuse(URL_INVALID)),
        (REFUSED, REQUEST, Status.EXPIRED, SESSION_LIFETIME_SECONDS - 1, Refuse(URL_INVALID)),
        (REFUSED, REQUEST, Status.EXPIRED, SESSION_LIFETIME_SECONDS, Start()),
        (REFUSED, REQUEST, Status.PENDING, 0, Refuse(URL_INVALID)),  # not told to the mandate yet
        (REFUSED, OTHER, Status.EXPIRED, 0, Start()),
        (REFUSED, OTHER, Status.PENDING, 0, Replace(REFUSED)),
        # a clock that went back
        (OPEN, REQUEST, Status.PENDING, -HOUR, Reuse(OPEN, *SESSION)),
        (UNRESOLVED, REQUEST, Status.PENDING, -HOUR, Resume(UNRESOLVED)),
    ],
)
def test_the_next_step(
    slot: Slot | None,
    request_: CheckoutRequest,
    mandate: Status | None,
    seconds_later: int,
    expected: CheckoutStep,
) -> None:
    assert checkout_step(slot, request_, mandate, BEGUN + seconds_later) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"terms_version": "2026-12-01"},
        {"terms_digest": "cd" * 32},
        {"locale": "de"},
        {"wording_digest": "ef" * 32},
        {"success_url": "https://shop.example/other"},
        {"cancel_url": "https://shop.example/other"},
    ],
)
def test_any_difference_makes_it_another_request(change: dict[str, Any]) -> None:
    assert checkout_step(OPEN, replace(REQUEST, **change), Status.PENDING, BEGUN) == Replace(OPEN)


def test_what_is_open_is_never_left_open_beside_another() -> None:
    """A step that starts anew must end, or have outlived, what was begun before."""
    for slot in (OPEN, UNRESOLVED):
        for later in range(0, 48 * HOUR, 600):
            step = checkout_step(slot, OTHER, Status.PENDING, BEGUN + later)
            if step == Start():
                assert later >= SESSION_LIFETIME_SECONDS
            if step == Abandon(slot):
                assert later >= IDEMPOTENCY_WINDOW_SECONDS


def test_creation_is_repeated_only_while_stripe_remembers_its_key_and_takes_its_expiry() -> None:
    """Keys are kept for at least 24 hours; `expires_at` must be 30 minutes to 24 hours ahead."""
    assert IDEMPOTENCY_WINDOW_SECONDS <= 24 * HOUR - 15 * 60
    assert SESSION_LIFETIME_SECONDS <= 24 * HOUR - 15 * 60
    assert SESSION_LIFETIME_SECONDS - IDEMPOTENCY_WINDOW_SECONDS >= 30 * 60 + 15 * 60


def test_the_key_is_the_mandates_and_fits_stripe() -> None:
    assert UNRESOLVED.idempotency_key == OPEN.idempotency_key == "checkout-session/mdt_example"
    assert len(UNRESOLVED.idempotency_key) <= 255


# ------------------------------------------------------------------------------- how many, how fast


def begun_at(*starts: int) -> Slot:
    return replace(OPEN, starts={f"mdt_{number}": BEGUN + at for number, at in enumerate(starts)})


EVERY_MINUTE = tuple(range(0, 600, 60))


@pytest.mark.parametrize(
    ("slot", "seconds_later", "wait"),
    [
        (None, 0, 0),
        (begun_at(0), 0, 0),
        (begun_at(*EVERY_MINUTE[:9]), 540, 0),
        (begun_at(*EVERY_MINUTE), 540, HOUR - 540),
        (begun_at(*EVERY_MINUTE), HOUR - 1, 1),
        (begun_at(*EVERY_MINUTE), HOUR, 0),
        (begun_at(*[0] * 10), 0, HOUR),
        (begun_at(*[0] * 10), HOUR, 0),
        # clocks of two containers, apart
        (begun_at(*reversed(EVERY_MINUTE)), 540, HOUR - 540),
        (begun_at(*EVERY_MINUTE), -30, HOUR + 30),
        # more than are counted: the limit was lowered
        (begun_at(*range(20)), 20, HOUR + 10 - 20),
    ],
)
def test_how_long_another_has_to_wait(slot: Slot | None, seconds_later: int, wait: int) -> None:
    assert wait_before_another(slot, BEGUN + seconds_later) == wait


def test_what_counts_is_kept_and_no_more() -> None:
    starts = recent_starts(begun_at(*EVERY_MINUTE), BEGUN + HOUR + 60)
    assert list(starts.items()) == [(f"mdt_{minute}", BEGUN + 60 * minute) for minute in range(2, 10)]
    assert recent_starts(None, BEGUN) == {}


def test_no_hour_has_more_starts_than_are_allowed() -> None:
    """Whoever tries every ten seconds gets exactly as many, hour by hour, and each wait says the truth."""
    slot: Slot | None = None
    started: list[int] = []
    for now in range(BEGUN, BEGUN + 5 * HOUR, 10):
        wait = wait_before_another(slot, now)
        if wait:
            assert wait_before_another(slot, now + wait) == 0
            assert wait_before_another(slot, now + wait - 1) > 0
            continue
        slot = replace(OPEN, starts={**recent_starts(slot, now), f"mdt_{now}": now})
        started.append(now)
    assert len(slot.starts if slot else ()) <= MOST_STARTS
    assert len(started) == 5 * MOST_STARTS
    for first in started:
        assert sum(first <= one < first + HOUR for one in started) <= MOST_STARTS
