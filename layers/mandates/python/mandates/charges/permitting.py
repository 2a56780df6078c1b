"""Decides whether an attempt at a reserved charge may be begun or repeated: now, later or never."""

from copy import replace

import msgspec

from mandates.charges.context import SOURCE, Charging, Taken
from mandates.charges.ending import end
from mandates.charges.standing import Situation, situation_of
from mandates.core.charging.charge import room
from mandates.core.charging.decision import ChargeRequest, Decision, Own, put_off_until
from mandates.core.charging.facts import EndReason, counted_attempts, was_answered
from mandates.core.charging.head import Charge
from mandates.core.charging.reasons import Reason
from mandates.core.charging.steps import not_before
from mandates.core.clock import Instant
from mandates.core.errors import NotFound

PAUSED_SECONDS = 600
"""How long an attempt waits if only a pause is in its way."""


class Decided(msgspec.Struct, frozen=True):
    """`charge` is as it was read for the decision, or as it is with the attempt, once that is begun."""

    charge: Charge
    request: ChargeRequest
    situation: Situation
    decision: Decision
    now: Instant
    begun: bool = False


def decide_on_attempt(charge: Charge, charging: Charging, *, repeated: bool) -> Decided:
    """Whether another attempt may be begun, or the newest `repeated`. Reads everything anew, strongly
    consistently. Raises NotFound."""
    now = Instant(max(charging.clock(), not_before(charge.facts)))
    situation = situation_of(
        charge.mandate_id,
        now.seconds,
        charge_id=charge.charge_id,
        reference=charge.reference,
        rules=charging.rules,
    )
    if situation.charge is None:
        raise NotFound(f"there is no charge {charge.charge_id}")
    request = _request(situation.charge, repeated)
    return Decided(situation.charge, request, situation, situation.decide(request), now)


def not_now(decided: Decided, charging: Charging) -> Taken:
    """What becomes of a charge whose attempt was refused: it is due when the attempt is permitted, or it ends
    if that is not before `charge_by`. Raises what `end` raises."""
    charge = decided.charge
    permitted_from = _permitted_from(decided)
    if permitted_from is not None:
        return Taken(charge, again_at=min(permitted_from, charge.charge_by))
    withdrawn = Reason.MANDATE_REVOKED in decided.decision.reasons
    reason = EndReason.WITHDRAWN if withdrawn else EndReason.NOT_PERMITTED
    return end(charge, reason, charging.gateway, charging.clock, source=SOURCE)


def _request(charge: Charge, repeated: bool) -> ChargeRequest:
    """An attempt that is repeated does not count against itself."""
    held, counted = room(charge.facts), counted_attempts(charge.facts)
    own = Own(
        period=held.period if held else None,
        window=held.window if held else None,
        attempts=counted - 1 if repeated else counted,
        answered=was_answered(charge.facts),
        noticed=held.notice.day if held and held.notice else None,
    )
    return ChargeRequest(charge.amount, charge.currency, own)


def _permitted_from(decided: Decided) -> int | None:
    """A pause ends when somebody resumes charging, and must not end the charges that wait for that."""
    charge_by, standing = decided.charge.charge_by, decided.situation.standing
    if not standing.paused:
        return put_off_until(decided.decision, charge_by)
    resumed = replace(decided.situation, standing=replace(standing, paused=False)).decide(decided.request)
    permitted_from = put_off_until(resumed, charge_by)
    return None if permitted_from is None else max(permitted_from, decided.now.seconds + PAUSED_SECONDS)
