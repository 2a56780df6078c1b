"""Reads how a mandate stands for a charge, and what an attempt has to be conditional on."""

from collections.abc import Callable
from datetime import date

import msgspec

from mandates.charges.agreements import agreed_terms
from mandates.core.canonical import digest
from mandates.core.changes import Subject, stands_on
from mandates.core.charging.calendar import Span, calendar_period, day_of, day_period, window
from mandates.core.charging.charge import ChargeStatus, room
from mandates.core.charging.cover import needs_notice
from mandates.core.charging.decision import ChargeRequest, ChargeRules, Decision, Standing, Usage, decide
from mandates.core.charging.head import Charge
from mandates.core.charging.notice import Notice
from mandates.core.charging.reasons import Reason
from mandates.core.charging.register import Register
from mandates.core.errors import NotFound
from mandates.core.facts import Kind
from mandates.core.mandate import Mandate, status
from mandates.core.return_tokens import By, returns
from mandates.core.terms import Terms
from mandates.store.charges import Guard
from mandates.store.charging_reads import Basics, Used, read_basics, read_used
from mandates.store.notices import notices_from


class Situation(msgspec.Struct, frozen=True):
    """All that a decision at `now` (epoch seconds) is made from. `charge` is the one with the id asked for,
    if there is one; `rival` is the id of another one that has the reference."""

    mandate: Mandate
    terms: Terms
    standing: Standing
    usage: Usage
    register: Register
    rival: str | None
    charge: Charge | None
    subjects: tuple[Subject, ...]
    now: int

    def decide(self, request: ChargeRequest) -> Decision:
        return decide(self.standing, self.terms, self.usage, request, self.now)

    def guard(self, decision: Decision) -> Guard:
        """What a write on the strength of this decision is conditional on."""
        limit = self.terms.limits.per_period
        return Guard(
            mandate=self.mandate,
            subjects=self.subjects,
            day=decision.day,
            most=limit.amount if limit else None,
            while_disputed=self.standing.rules.while_disputed,
        )

    def anchor_to_freeze(self, decision: Decision) -> date | None:
        """The local day that windows count from, if no charge has frozen it yet. The set-up's own time may
        still become earlier, when an earlier report of it arrives."""
        recurs = self.terms.frequency.interval is not None
        return decision.anchor if recurs and self.usage.anchor is None else None


def situation_of(
    mandate_id: str,
    now: int,
    *,
    charge_id: str | None = None,
    reference: str | None = None,
    rules: ChargeRules,
) -> Situation:
    """Read strongly consistently. `reference` is in the business's words, if it has to be free or the
    charge's own. Raises NotFound, and what `agreed_terms` raises."""
    basics = read_basics(mandate_id, charge_id, reference)
    mandate = basics.mandate
    if mandate is None:
        raise NotFound(f"there is no mandate {mandate_id}")
    terms = agreed_terms(mandate.terms_version, mandate.terms_digest)
    setup = mandate.facts.get(Kind.SETUP_SUCCEEDED)
    activated_at = setup.at if setup else None
    anchor = basics.register.anchor
    used = _used(basics, mandate, terms, anchor or _activation_day(activated_at, terms), now)
    rival = min(used.rivals, key=lambda one: (not _charged(used.rivals[one]), one), default=None)
    standing = Standing(
        status=status(mandate.facts, *(subject.facts for subject in used.subjects)),
        activated_at=activated_at,
        returned=returns(mandate.facts)[By.CUSTOMER] is not None,
        disputed=bool(basics.register.disputes),
        paused=basics.pause is not None,
        rules=rules,
    )
    usage = Usage(
        used=used.periods,
        windows=used.windows,
        declines=used.declines,
        anchor=anchor,
        reference=_taken(used.rivals[rival]) if rival else None,
        notice_shared=used.notice_shared,
        notices=_unused_notices(mandate_id, terms, now) if basics.charge is None else (),
    )
    return Situation(
        mandate=mandate,
        terms=terms,
        standing=standing,
        usage=usage,
        register=basics.register,
        rival=rival,
        charge=basics.charge,
        subjects=used.subjects,
        now=now,
    )


def _activation_day(activated_at: int | None, terms: Terms) -> date | None:
    return None if activated_at is None else day_of(activated_at, terms.zone)


def _used(basics: Basics, mandate: Mandate, terms: Terms, anchor: date | None, now: int) -> Used:
    """Of the current period, window and day, and of the next ones, which a refusal may have to wait for; and
    of the window that the charge holds."""
    zone, limit, charge = terms.zone, terms.limits.per_period, basics.charge
    windows = _this_and_next(lambda at: window(terms.frequency, anchor, at, zone) if anchor else None, now)
    held = room(charge.facts) if charge else None
    if held and held.window:
        windows.append(held.window)
    return read_used(
        mandate.mandate_id,
        charge.charge_id if charge else None,
        stands_on(mandate, mandate.facts),
        periods=_this_and_next(lambda at: calendar_period(limit.period, at, zone) if limit else None, now),
        windows=windows,
        days=_this_and_next(lambda at: day_period(at, zone), now),
        rivals=basics.rivals,
        notice=held.notice if held else None,
    )


def _unused_notices(mandate_id: str, terms: Terms, now: int) -> tuple[Notice, ...]:
    """For a new charge. One that was reserved has a notice of its own."""
    if not needs_notice(terms):
        return ()
    noticed = notices_from(mandate_id, day_of(now, terms.zone))
    return tuple(notice for notice in noticed if not notice.charge_ids and _is_unaltered(notice))


def _is_unaltered(notice: Notice) -> bool:
    return digest(notice.content()) == notice.hash


def _this_and_next(span_at: Callable[[int], Span | None], now: int) -> list[str]:
    this = span_at(now)
    following = span_at(this.end) if this and this.end is not None else None
    return [span.key for span in (this, following) if span]


def _taken(rival: Charge | None) -> Reason:
    return Reason.ALREADY_CHARGED if _charged(rival) else Reason.IN_PROGRESS


def _charged(charge: Charge | None) -> bool:
    return charge is not None and charge.status is ChargeStatus.SUCCEEDED
