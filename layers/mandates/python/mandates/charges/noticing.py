"""Records a notice: what the business told its customer ahead of a charge."""

from dataclasses import dataclass
from datetime import date

from mandates.charges.standing import Situation, situation_of
from mandates.core.charging.decision import ChargeRules
from mandates.core.charging.notice import Notice, NoticeDetails, NoticeKey, new_notice, notice_id
from mandates.core.charging.noticing import must_be_of_use
from mandates.core.clock import Clock, Instant, RandomBytes
from mandates.core.ledger import keep_beside
from mandates.core.terms import Terms
from mandates.store.conflicts import until_no_conflict
from mandates.store.notices import commit_notice, read_notice


@dataclass(frozen=True, slots=True)
class NoticeSent:
    """What the business says it sent: NoticeDetails, but `currency` may be None for that of the terms.
    `actor` is the client that says so."""

    mandate_id: str
    amount: int
    currency: str | None
    day: date
    reference: str
    actor: str

    def details(self, terms: Terms) -> NoticeDetails:
        return NoticeDetails(self.amount, self.currency or terms.limits.currency, self.day, self.reference)


@dataclass(frozen=True, slots=True)
class NoticeRecorded:
    """`created` is false if the notice was there already. `terms` are those that were agreed to."""

    notice: Notice
    terms: Terms
    created: bool


def record_notice(sent: NoticeSent, clock: Clock, random_bytes: RandomBytes) -> NoticeRecorded:
    """The notice that was recorded before, if it says the same, or a new one.

    Raises NoticeRefused, NoticeTooLate, InvalidRequest, NotFound or Busy. Nothing is recorded then.
    """

    def attempt() -> NoticeRecorded:
        now = Instant(clock())
        situation = situation_of(sent.mandate_id, now.seconds, rules=ChargeRules())
        details = sent.details(situation.terms)
        key = NoticeKey(details.day, notice_id(sent.mandate_id, details))
        known = read_notice(sent.mandate_id, key)
        if known:
            return NoticeRecorded(known, situation.terms, created=False)
        notice = _next_in_register(situation, details, sent.actor, now, random_bytes)
        must_be_of_use(notice, situation.standing.status, situation.terms)
        commit_notice(notice, situation.mandate, situation.subjects)
        return NoticeRecorded(notice, situation.terms, created=True)

    return until_no_conflict(attempt)


def _next_in_register(
    situation: Situation, details: NoticeDetails, actor: str, now: Instant, random_bytes: RandomBytes
) -> Notice:
    return new_notice(
        mandate_id=situation.mandate.mandate_id,
        details=details,
        personal=keep_beside(details.personal, random_bytes),
        count=situation.register.count,
        previous=situation.register.hash,
        recorded_at=now.text,
        actor=actor,
    )
