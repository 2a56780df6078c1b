"""A month of charges beside Stripe's books, which agree: for tests to look at, and to tamper with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mandates.core.charging.audit_verdict import AtStripe, Verdict, facts_told, recovered, verdict
from mandates.core.charging.books import BalanceTransaction, ListedCharge, ListedIntent, Source
from mandates.core.charging.differences import Difference
from mandates.core.charging.disputes import StripeDispute
from mandates.core.charging.facts import ChargeFact, ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import charge_id, refund_id
from mandates.core.charging.refunds import StripeRefund
from mandates.core.clock import Instant
from mandates.core.stripe_events.projection import METADATA_CHARGE, METADATA_MANDATE, METADATA_OWNER_MARK
from tests.unit.charging import MANDATE_ID, NOW
from tests.unit.examples import OWNER_MARK

DAY = 86_400
MONTH_AGO = NOW - 45 * DAY
SOURCE = "evt_told"


@dataclass(slots=True)
class Booked:
    """A charge here, and all that Stripe has of it. `movements` are what the audit has kept."""

    charge: Charge
    intent: ListedIntent
    transactions: list[BalanceTransaction] = field(default_factory=list)
    refunds: list[StripeRefund] = field(default_factory=list)
    disputes: list[StripeDispute] = field(default_factory=list)

    @property
    def at_stripe(self) -> AtStripe:
        return AtStripe(self.intent, self.refunds, self.disputes, self.transactions)


def add(charge: Charge, *facts: ChargeFact) -> Charge:
    return replace(charge, facts={**charge.facts, **{fact.key: fact for fact in facts}})


def without(charge: Charge, *kinds: ChargeKind) -> Charge:
    kept = {key: fact for key, fact in charge.facts.items() if fact.kind not in kinds}
    return replace(charge, facts=kept)


def reserved(number: int, amount: int, currency: str) -> Booked:
    made, name = MONTH_AGO + number % 10_000 * 240, charge_id(MANDATE_ID, f"key-{number}")
    facts = [
        charge_fact(
            ChargeKind.RESERVED,
            made,
            "api:create_charge",
            amount=str(amount),
            currency=currency,
            charge_by=str(made + 8 * DAY),
            actor="the-back-end",
        ),
        charge_fact(ChargeKind.INTENT_CREATED, made, "api:create_charge", payment_intent=f"pi_{number}"),
        charge_fact(ChargeKind.ATTEMPT_BEGUN, made, "api:create_charge", attempt=1, day="2026-10-13"),
    ]
    charge = Charge(
        charge_id=name,
        number=number + 1,
        created_at=Instant(made).text,
        personal={},
        digest=None,
        create_params={},
        facts={fact.key: fact for fact in facts},
    )
    metadata = {METADATA_OWNER_MARK: OWNER_MARK, METADATA_MANDATE: MANDATE_ID, METADATA_CHARGE: name}
    intent = ListedIntent(
        payment_intent_id=f"pi_{number}",
        status="requires_payment_method",
        amount=amount,
        amount_received=0,
        currency=currency,
        customer="cus_1",
        created=made,
        metadata=metadata,
    )
    return Booked(charge, intent)


def succeeded(
    number: int, amount: int = 1_000, currency: str = "usd", *, after: int = 5, fee: int = 59
) -> Booked:
    one = reserved(number, amount, currency)
    at, paid = one.intent.created + after, f"py_{number}"
    attempt = 2 if after > DAY else 1
    success = charge_fact(ChargeKind.ATTEMPT_SUCCEEDED, at, SOURCE, attempt=attempt, charge=paid)
    one.charge = add(one.charge, success)
    listed = ListedCharge(paid, "succeeded", at, amount, currency, 0, refunded=False, disputed=False)
    one.intent = replace(one.intent, status="succeeded", amount_received=amount, charge=listed)
    _book(one, "payment", amount, fee, paid=paid)
    return one


def _book(
    one: Booked,
    kind: str,
    amount: int,
    fee: int = 0,
    *,
    paid: str = "",
    refund: StripeRefund | None = None,
    dispute: StripeDispute | None = None,
) -> None:
    intent, listed = one.intent, one.intent.charge
    assert listed
    told = refund or dispute
    source = Source(
        kind="refund" if refund else "dispute" if dispute else "charge",
        source_id=refund.stripe_refund_id if refund else dispute.dispute_id if dispute else paid,
        status=told.status if told else "succeeded",
        amount=abs(amount),
        currency=intent.currency,
        payment_intent_id=intent.payment_intent_id,
        stripe_charge=listed.stripe_charge,
        metadata=dict(intent.metadata) if paid else {},
        refund=refund,
        dispute=dispute,
    )
    rate, currency = ("0.5", "usd") if intent.currency == "eur" else (None, intent.currency)
    moved = amount // 2 if rate else amount
    made = listed.created + 3_600 * len(one.transactions)
    name = f"txn_{intent.payment_intent_id}_{len(one.transactions)}"
    one.transactions.append(
        BalanceTransaction(name, kind, moved, fee, moved - fee, currency, made, made + 2 * DAY, rate, source)
    )


def refunded(one: Booked, amount: int, *, status: str = "succeeded", here: bool = True) -> Booked:
    """A refund that Stripe has, and (if `here`) we do."""
    listed, number = one.intent.charge, len(one.refunds) + 1
    assert listed
    at = listed.created + number * DAY
    name = f"re_{one.intent.payment_intent_id}_{number}"
    intent_id, currency = one.intent.payment_intent_id, one.intent.currency
    ours = refund_id(one.charge.charge_id, f"refund-{number}")
    told = StripeRefund(name, intent_id, status, amount, currency, at, ours)
    one.refunds.append(told)
    if status != "failed":
        listed = replace(listed, amount_refunded=listed.amount_refunded + amount)
        one.intent = replace(one.intent, charge=listed)
    _book(one, "payment_refund", -amount, refund=told)
    if status == "failed":
        _book(one, "payment_failure_refund", amount, refund=told)
    if here:
        at_stripe = replace(one.at_stripe, at=at)
        one.charge = add(one.charge, *facts_told(one.charge.charge_id, one.charge.facts, at_stripe, SOURCE))
    _amount_refunded_everywhere(one)
    return one


def _amount_refunded_everywhere(one: Booked) -> None:
    """The list expands a charge as it is when it is read."""
    listed = one.intent.charge
    assert listed
    one.transactions = [
        replace(txn, source=replace(txn.source, amount_refunded=listed.amount_refunded))
        if txn.source and txn.source.kind == "charge"
        else txn
        for txn in one.transactions
    ]


def disputed(one: Booked, *, status: str = "needs_response", here: bool = True) -> Booked:
    listed = one.intent.charge
    assert listed
    at, name = listed.created + 3 * DAY, f"du_{one.intent.payment_intent_id}"
    amount, currency = one.intent.amount, one.intent.currency
    told = StripeDispute(
        name, one.intent.payment_intent_id, status, amount, currency, at, listed.stripe_charge
    )
    one.disputes.append(told)
    _book(one, "adjustment", -amount, 1_500, dispute=told)
    if status == "won":
        _book(one, "adjustment", amount, dispute=told)
    if here:
        at_stripe = replace(one.at_stripe, at=at)
        one.charge = add(one.charge, *facts_told(one.charge.charge_id, one.charge.facts, at_stripe, SOURCE))
    return one


def ended(number: int, reason: EndReason = EndReason.DECLINED) -> Booked:
    """Declined, and over on both sides."""
    one = reserved(number, 1_000, "usd")
    at = one.intent.created + 60
    failed = charge_fact(
        ChargeKind.ATTEMPT_FAILED, at, SOURCE, attempt=1, code="payment_method_customer_decline"
    )
    ending = charge_fact(ChargeKind.ENDING, at, "api:advance_charges", reason=reason)
    one.charge = add(one.charge, failed, ending, charge_fact(ChargeKind.INTENT_CANCELED, at, SOURCE))
    one.intent = replace(one.intent, status="canceled")
    return one


def waiting(number: int) -> Booked:
    """Declined, and to be tried again."""
    one = reserved(number, 1_000, "usd")
    failed = charge_fact(
        ChargeKind.ATTEMPT_FAILED, one.intent.created, SOURCE, attempt=1, advice="try_again_later"
    )
    one.charge = add(one.charge, failed)
    return one


SCENARIOS: tuple[Callable[[int], Booked], ...] = (
    succeeded,
    lambda number: succeeded(number, 1_299, fee=0),
    lambda number: succeeded(number, 700, "eur"),
    lambda number: succeeded(number, 900, "jpy", after=3 * DAY),
    lambda number: refunded(succeeded(number), 1_000),
    lambda number: refunded(refunded(succeeded(number), 300), 200),
    lambda number: refunded(succeeded(number), 400, status="pending"),
    lambda number: refunded(succeeded(number), 400, status="failed"),
    lambda number: refunded(refunded(succeeded(number), 400, status="failed"), 500),
    lambda number: disputed(succeeded(number)),
    lambda number: disputed(succeeded(number), status="won"),
    lambda number: disputed(succeeded(number), status="lost"),
    ended,
    lambda number: ended(number, EndReason.CANCELED),
    waiting,
)


def a_month(charges: int) -> Iterator[Booked]:
    for number in range(charges):
        yield SCENARIOS[number % len(SCENARIOS)](number)


def examined(one: Booked, recorded: Mapping[str, str], now: int = NOW) -> tuple[Difference, ...]:
    """As charges/auditing does with a suspect: record what only Stripe knows, and compare."""
    before = one.charge
    told = facts_told(before.charge_id, before.facts, replace(one.at_stripe, at=now), "api:audit_charges")
    one.charge = add(before, *told)
    said: Verdict = verdict(
        one.charge.charge_id, one.charge, recorded.get(one.intent.payment_intent_id), one.at_stripe, now
    )
    return recovered(before, one.at_stripe, now) + said.differences
