"""What Stripe's books and lists say, as plain data. Amounts are in minor units, times in epoch seconds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mandates.core.charging.disputes import StripeDispute
from mandates.core.charging.refunds import StripeRefund
from mandates.core.funding import Funding


@dataclass(frozen=True, slots=True)
class Page[T]:
    """A page of a list at Stripe, newest first. If `has_more`, older ones follow the last item's id.

    https://docs.stripe.com/api/pagination
    """

    items: Sequence[T]
    has_more: bool


def all_pages[T](page: Callable[[str | None], Page[T]], id_of: Callable[[T], str]) -> Iterator[Sequence[T]]:
    """The pages of a list, each read when it is asked for. `page` reads the page after the item with this id;
    with None, the first."""
    after = None
    while True:
        listed = page(after)
        yield listed.items
        if not (listed.has_more and listed.items):
            return
        after = id_of(listed.items[-1])


CANCELABLE = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
)
"""The statuses in which a PaymentIntent can be cancelled: https://docs.stripe.com/api/payment_intents/cancel"""


@dataclass(frozen=True, slots=True)
class Source:
    """The object that caused a balance transaction: a charge, a refund, a dispute, a payout or another.

    `kind` is Stripe's word for the object. `amount` is in its own `currency`, which need not be that of the
    balance transaction. The other members are those of a charge, refund or dispute; elsewhere they are empty.
    `stripe_charge` is the charge itself, or the refunded or disputed one. `amount_refunded` is a charge's,
    and includes refunds that are pending. All but `source_id` is empty if Stripe no longer has the object.
    """

    kind: str
    source_id: str
    status: str = ""
    amount: int = 0
    currency: str = ""
    payment_intent_id: str | None = None
    stripe_charge: str | None = None
    amount_refunded: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    refund: StripeRefund | None = None
    dispute: StripeDispute | None = None


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """An entry in the books of the account at Stripe.

    `type` is Stripe's word, of which there are many, and more to come. `amount` and `net` are positive if
    money comes in; `net` is `amount` less `fee`. `currency` is that of the account's balance. If the source
    has another one, `exchange_rate` is what the source's amount was multiplied by, as exact decimal text.
    https://docs.stripe.com/api/balance_transactions/object
    """

    transaction_id: str
    type: str
    amount: int
    fee: int
    net: int
    currency: str
    created: int
    available_on: int
    exchange_rate: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Payout:
    """What Stripe pays to the business's bank. `amount` is negative if Stripe collects it.

    `status` is Stripe's word: `pending`, `in_transit`, `paid`, `failed` or `canceled`. One that
    is paid may still fail.

    Stripe says which balance transactions it pays only for an automatic payout, once it is `reconciled`.
    https://docs.stripe.com/api/payouts/object
    """

    payout_id: str
    status: str
    automatic: bool
    reconciled: bool
    created: int
    arrival_date: int
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class ListedCharge:
    """The newest attempt at an intent's payment that reached Amazon.

    `amount_refunded` includes refunds that are pending. `disputed` stays true after the dispute. `card` is
    the one behind the account, if Stripe tells it.
    """

    stripe_charge: str
    status: str
    created: int
    amount: int
    currency: str
    amount_refunded: int
    refunded: bool
    disputed: bool
    card: Funding | None = None


@dataclass(frozen=True, slots=True)
class ListedIntent:
    """A PaymentIntent with its charge. `status` is Stripe's word, `customer` is Stripe's id, and
    `amount_received` is 0 until it succeeds. `description` is empty if it has none."""

    payment_intent_id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    customer: str | None
    created: int
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    charge: ListedCharge | None = None
