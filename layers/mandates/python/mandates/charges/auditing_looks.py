"""The lists that the audit reads, slice by slice: Stripe's and our own. Each has a cursor of its own.

Every page is compared with what the other side has (core/charging/audit.py). What belongs to others on the
same Stripe account is only counted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from mandates.core.charging.audit import (
    Looked,
    Suspect,
    charge_behind,
    differs_from_movements,
    look_at_intents,
    look_at_transactions,
)
from mandates.core.charging.books import BalanceTransaction, ListedIntent, Payout, all_pages
from mandates.core.charging.head import Charge
from mandates.core.clock import Clock, Instant
from mandates.gateway.client import Gateway
from mandates.store.audit_reads import charges_by_id, charges_created_between
from mandates.store.batch_reads import charges_of_intents
from mandates.store.charges import due_charges
from mandates.store.movements import keep_movements, movements_of

HOUR = 3_600
DAY = 86_400

LAG_SECONDS = DAY
"""How long after something happened at Stripe it is looked at. By then webhooks and reconciliation have told
of it, and charges have gone on."""

AGES = (2, 40, 105)
"""A charge is looked at when it is so many days old. By the second look it has ended. Refunds can be made for
90 days, and take up to 14 more: https://docs.stripe.com/payments/amazon-pay#refunds"""

UNRECONCILED_SECONDS = 7 * DAY
"""How long the list of a payout is waited for. Stripe says when it is complete:
https://docs.stripe.com/api/payouts/object#payout_object-reconciliation_status"""

_AT_A_TIME = 100
_FOR_EVER = 2**40
_HOURS = 24


class NotReady(Exception):
    """The rest of the list is not complete yet. The message says why."""


@dataclass(frozen=True, slots=True)
class Look:
    """`pages` gives what is found of [start, stop), in epoch seconds, page by page. The last `lag` seconds
    are left for later. Slices of a look with `whole_hours` begin and end at full hours."""

    cursor: str
    lag: int
    pages: Callable[[int, int], Iterator[Looked]]
    whole_hours: bool = False


@dataclass(frozen=True, slots=True)
class Looks:
    gateway: Gateway
    owner_mark: str
    clock: Clock

    def all(self) -> list[Look]:
        """In the order in which they are taken: what may take long comes last."""
        return [
            Look("audit-open", 0, self.open_charges, whole_hours=True),
            *(Look(f"audit-charges-{days}", days * DAY, self.charges) for days in AGES),
            Look("audit-intents", LAG_SECONDS, self.intents),
            Look("audit-movements", LAG_SECONDS, self.movements),
            Look("audit-payouts", LAG_SECONDS, self.payouts),
        ]

    def once(self) -> list[Look]:
        """Those of a run that begins at a time of its own: a charge is looked at at any age."""
        return [
            Look("audit-open", 0, self.open_charges, whole_hours=True),
            Look("audit-charges", 0, self.charges),
            Look("audit-intents", 0, self.intents),
            Look("audit-movements", 0, self.movements),
            Look("audit-payouts", 0, self.payouts),
        ]

    # ------------------------------------------------------------------------------ Stripe → here

    def movements(self, start: int, stop: int) -> Iterator[Looked]:
        balance = self.gateway.balance
        for page in all_pages(lambda after: balance.page(start, stop, after), lambda one: one.transaction_id):
            yield self._looked_at(page)

    def payouts(self, start: int, stop: int) -> Iterator[Looked]:
        """What automatic payouts paid. Stripe lists nothing of those that somebody makes by hand."""
        listed = self.gateway.payouts
        found = [
            payout
            for page in all_pages(lambda after: listed.page(start, stop, after), lambda one: one.payout_id)
            for payout in page
            if payout.automatic and payout.status not in {"failed", "canceled"}
        ]
        for payout in reversed(found):
            yield from self._paid_by(payout)

    def _paid_by(self, payout: Payout) -> Iterator[Looked]:
        if not payout.reconciled:
            if payout.created > Instant(self.clock()).seconds - UNRECONCILED_SECONDS:
                raise NotReady(f"Stripe has not completed the list of {payout.payout_id}")
            return
        balance, name = self.gateway.balance, payout.payout_id
        for page in all_pages(lambda after: balance.of_payout(name, after), lambda one: one.transaction_id):
            yield self._looked_at(page, name)

    def _looked_at(self, page: Sequence[BalanceTransaction], payout: str | None = None) -> Looked:
        sources = [one.source for one in page if one.source]
        recorded = charges_of_intents({one.payment_intent_id for one in sources if one.payment_intent_id})
        owners = [
            charge_behind(one.payment_intent_id, one.metadata, recorded, self.owner_mark) for one in sources
        ]
        looked = look_at_transactions(page, recorded, _charges(owners), self.owner_mark, payout)
        keep_movements(looked.movements)
        return looked

    def intents(self, start: int, stop: int) -> Iterator[Looked]:
        listed = self.gateway.payment_intents
        for page in all_pages(
            lambda after: listed.page(start, stop, after), lambda one: one.payment_intent_id
        ):
            yield self._intents_looked_at(page)

    def _intents_looked_at(self, page: Sequence[ListedIntent]) -> Looked:
        recorded = charges_of_intents({one.payment_intent_id for one in page})
        owners = [
            charge_behind(one.payment_intent_id, one.metadata, recorded, self.owner_mark) for one in page
        ]
        return look_at_intents(page, recorded, _charges(owners), self.owner_mark)

    # ------------------------------------------------------------------------------ here → Stripe

    def charges(self, start: int, stop: int) -> Iterator[Looked]:
        """The charges made in that time, against our copy of the balance."""
        for some in batched(charges_created_between(start, stop), _AT_A_TIME, strict=False):
            now = Instant(self.clock()).seconds
            charges = charges_by_id(some)
            unreadable = [Suspect(charge_id) for charge_id in some if charge_id not in charges]
            differing = [
                Suspect(charge_id)
                for charge_id, charge in charges.items()
                if charge.is_final and differs_from_movements(charge, movements_of(charge_id), now)
            ]
            yield Looked(suspects=[*unreadable, *differing], ours=len(some))

    def open_charges(self, start: int, stop: int) -> Iterator[Looked]:
        """A part of the charges that are not over, for each hour of [start, stop): all of them in a day. Each
        of these intents is read."""
        hours = {hour % _HOURS for hour in range(start // HOUR, stop // HOUR)}
        due = due_charges(_FOR_EVER, _FOR_EVER)
        now_due = [one.charge_id for one in due if _hour_of(one.charge_id) in hours]
        for some in batched(now_due, _AT_A_TIME, strict=False):
            charges = charges_by_id(some).values()
            suspects = [
                Suspect(one.charge_id, one.payment_intent_id)
                for one in charges
                if not one.is_final and one.payment_intent_id
            ]
            yield Looked(suspects=suspects, ours=len(some))


def _hour_of(charge_id: str) -> int:
    """A charge's id ends in a hash, so each hour has about as many."""
    return int.from_bytes(charge_id[-4:].encode()) % _HOURS


def _charges(owners: Iterable[str | None]) -> dict[str, Charge]:
    return charges_by_id({owner for owner in owners if owner})
