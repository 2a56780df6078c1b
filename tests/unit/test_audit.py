"""The audit names whatever was altered on either side, and nothing in a month that was not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mandates.core.charging.audit import (
    Looked,
    Suspect,
    differs_from_movements,
    look_at_intents,
    look_at_transactions,
)
from mandates.core.charging.audit_verdict import LISTED_WITHIN, AtStripe, verdict
from mandates.core.charging.differences import DifferenceKind
from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.ids import charge_id
from mandates.core.charging.movements import Movement, totals
from tests.unit.audit_books import (
    DAY,
    Booked,
    a_month,
    add,
    disputed,
    ended,
    examined,
    refunded,
    reserved,
    succeeded,
    waiting,
    without,
)
from tests.unit.charging import MANDATE_ID, NOW
from tests.unit.examples import OWNER_MARK


def looked_at(*books: Booked, recorded: dict[str, str] | None = None, kept: bool = True) -> list[Looked]:
    """What all of the audit's looks say of these charges. `kept`: every movement was written before."""
    if recorded is None:
        recorded = {one.intent.payment_intent_id: one.charge.charge_id for one in books}
    charges = {one.charge.charge_id: one.charge for one in books}
    transactions = [one for books_ in books for one in books_.transactions]
    looks = [look_at_transactions(transactions, recorded, charges, OWNER_MARK)]
    moved: dict[str, list[Movement]] = {}
    for movement in looks[0].movements:
        moved.setdefault(movement.charge_id, []).append(movement)
    intents = [one.intent for one in books]
    looks.append(look_at_intents(intents, recorded, charges, OWNER_MARK))
    lacking = [
        Suspect(name)
        for name, charge in charges.items()
        if differs_from_movements(charge, moved.get(name, []) if kept else [], NOW)
    ]
    return [*looks, Looked(suspects=lacking)]


def suspects(*books: Booked, **how: object) -> set[str]:
    return {one.charge_id for look in looked_at(*books, **how) for one in look.suspects}  # type: ignore[arg-type]


def test_a_clean_month_of_ten_thousand_charges_has_no_difference() -> None:
    month = list(a_month(10_000))
    looks = looked_at(*month)
    assert [one for look in looks for one in look.suspects] == []
    movements = [one for look in looks for one in look.movements]
    assert len(movements) == sum(len(one.transactions) for one in month) > 10_000
    assert totals(movements).keys() == {"usd", "jpy"}  # euros were converted
    recorded = {one.intent.payment_intent_id: one.charge.charge_id for one in month}
    assert [examined(one, recorded) for one in month[:100]] == [()] * 100


def intent_changed(one: Booked, **changes: object) -> Booked:
    one.intent = replace(one.intent, **changes)  # type: ignore[arg-type]
    return one


def amount_at_stripe(one: Booked) -> Booked:
    assert one.intent.charge
    one.transactions = [
        replace(txn, amount=999, source=replace(txn.source, amount=999))
        for txn in one.transactions
        if txn.source
    ]
    listed = replace(one.intent.charge, amount=999)
    return intent_changed(one, amount=999, amount_received=999, charge=listed)


def booked_otherwise(one: Booked) -> Booked:
    one.transactions = [replace(one.transactions[0], amount=999, net=940)]
    return one


def currency_at_stripe(one: Booked) -> Booked:
    one.transactions = [
        replace(txn, currency="cad", source=replace(txn.source, currency="cad"))
        for txn in one.transactions
        if txn.source
    ]
    return intent_changed(one, currency="cad")


def amount_here(one: Booked) -> Booked:
    reserved_ = one.charge.facts[ChargeKind.RESERVED]
    other = replace(reserved_, detail={**reserved_.detail, "amount": "1001"})
    one.charge = replace(one.charge, facts={**one.charge.facts, other.key: other})
    return one


def status_here(one: Booked) -> Booked:
    """The success was taken out, and an end put in."""
    at = one.intent.created
    one.charge = add(
        without(one.charge, ChargeKind.ATTEMPT_SUCCEEDED),
        charge_fact(ChargeKind.ENDING, at, "api:test", reason="canceled"),
        charge_fact(ChargeKind.INTENT_CANCELED, at, "api:test"),
    )
    return one


def success_here(one: Booked) -> Booked:
    success = charge_fact(
        ChargeKind.ATTEMPT_SUCCEEDED, one.intent.created, "api:test", attempt=1, charge="py_x"
    )
    one.charge = add(one.charge, success)
    return one


def refund_missing_there(one: Booked) -> Booked:
    listed = one.intent.charge
    assert listed
    one.refunds, one.transactions = [], one.transactions[:1]
    return intent_changed(one, charge=replace(listed, amount_refunded=0))


def refund_of_another_amount(one: Booked) -> Booked:
    one.refunds = [replace(one.refunds[0], amount=401)]
    (payment, back) = one.transactions
    assert back.source
    one.transactions = [payment, replace(back, amount=-401, source=replace(back.source, amount=401))]
    return one


ALTERED: dict[str, tuple[Callable[[], Booked], set[DifferenceKind]]] = {
    "amount at Stripe": (lambda: amount_at_stripe(succeeded(1)), {DifferenceKind.AMOUNT}),
    "amount on the balance": (lambda: booked_otherwise(succeeded(1)), {DifferenceKind.AMOUNT}),
    "amount here": (lambda: amount_here(succeeded(1)), {DifferenceKind.AMOUNT}),
    "amount of an intent that waits": (
        lambda: intent_changed(waiting(1), amount=999),
        {DifferenceKind.AMOUNT},
    ),
    "currency at Stripe": (lambda: currency_at_stripe(succeeded(1)), {DifferenceKind.CURRENCY}),
    "succeeded only at Stripe": (lambda: status_here(succeeded(1)), {DifferenceKind.STATUS}),
    "succeeded only here": (lambda: success_here(ended(1)), {DifferenceKind.STATUS}),
    "the intent was reset at Stripe": (
        lambda: intent_changed(succeeded(1), status="canceled", amount_received=0, charge=None),
        {DifferenceKind.STATUS},
    ),
    "a second payment on the intent": (
        lambda: intent_changed(
            succeeded(1),
            charge=replace(succeeded(1).intent.charge, stripe_charge="py_again"),  # type: ignore[type-var]
        ),
        {DifferenceKind.DOUBLED_AT_STRIPE},
    ),
    "a refund that only Stripe knows": (
        lambda: refunded(succeeded(1), 400, here=False),
        {DifferenceKind.REFUND_MISSING_HERE},
    ),
    "a refund that only we know": (
        lambda: refund_missing_there(refunded(succeeded(1), 400)),
        {DifferenceKind.REFUND_MISSING_AT_STRIPE, DifferenceKind.REFUNDED},
    ),
    "a refund of another amount": (
        lambda: refund_of_another_amount(refunded(succeeded(1), 400)),
        {DifferenceKind.REFUND},
    ),
    "more was given back than any refund says": (
        lambda: intent_changed(
            succeeded(1),
            charge=replace(succeeded(1).intent.charge, amount_refunded=7),  # type: ignore[type-var]
        ),
        {DifferenceKind.REFUNDED},
    ),
    "a dispute that only Stripe knows": (
        lambda: disputed(succeeded(1), here=False),
        {DifferenceKind.DISPUTE_MISSING_HERE},
    ),
}


@pytest.mark.parametrize("altered", ALTERED)
def test_what_was_altered_on_either_side_is_named(altered: str) -> None:
    make, kinds = ALTERED[altered]
    books = make()
    recorded = {books.intent.payment_intent_id: books.charge.charge_id}
    assert suspects(books, succeeded(2)) == {books.charge.charge_id}
    found = examined(books, recorded)
    assert {one.kind for one in found} == kinds
    for one in found:
        assert (one.charge_id, one.payment_intent_id) == (books.charge.charge_id, "pi_1")
        assert "  " not in one.details


@pytest.mark.parametrize("altered", ["a refund that only Stripe knows", "a dispute that only Stripe knows"])
def test_what_only_stripe_knew_is_recorded_and_differs_no_longer(altered: str) -> None:
    books = ALTERED[altered][0]()
    recorded = {books.intent.payment_intent_id: books.charge.charge_id}
    assert examined(books, recorded)
    assert examined(books, recorded) == ()
    assert suspects(books) == set()


def test_a_refund_whose_webhook_may_still_come_is_not_called_lost() -> None:
    books = refunded(succeeded(1), 400, here=False)
    made = books.refunds[0].created
    assert examined(books, {"pi_1": books.charge.charge_id}, now=made + 3_600) == ()


def test_money_that_no_charge_here_knows_is_missing_here() -> None:
    books, there = succeeded(1), succeeded(2)
    name, intent = there.charge.charge_id, there.intent
    for looked in (
        look_at_transactions(there.transactions, {}, {}, OWNER_MARK),
        look_at_intents([intent], {}, {}, OWNER_MARK),
    ):
        assert looked.suspects == [Suspect(name, "pi_2")]
    (found,) = verdict(name, None, None, AtStripe(intent), NOW).differences
    assert (found.kind, found.charge_id) == (DifferenceKind.MISSING_HERE, name)
    assert "pi_2" in found.details
    assert "1000 usd" in found.details
    assert suspects(books) == set()


def test_a_charge_that_stripe_took_twice_is_doubled_at_stripe() -> None:
    books = succeeded(1)
    twin = replace(books.intent, payment_intent_id="pi_twin")
    recorded, charges = {"pi_1": books.charge.charge_id}, {books.charge.charge_id: books.charge}
    assert look_at_intents([twin], recorded, charges, OWNER_MARK).suspects == [
        Suspect(books.charge.charge_id, "pi_twin")
    ]
    paid = books.transactions[0]
    assert paid.source
    again = replace(paid, source=replace(paid.source, payment_intent_id="pi_twin", source_id="py_twin"))
    assert look_at_transactions([again], recorded, charges, OWNER_MARK).suspects == [
        Suspect(books.charge.charge_id, "pi_twin")
    ]
    (found,) = verdict(books.charge.charge_id, books.charge, None, AtStripe(twin), NOW).differences
    assert found.kind is DifferenceKind.DOUBLED_AT_STRIPE
    assert found.payment_intent_id == "pi_twin"
    given_back = replace(twin, charge=replace(twin.charge, amount_refunded=1_000))  # type: ignore[type-var]
    assert verdict(books.charge.charge_id, books.charge, None, AtStripe(given_back), NOW).differences == ()


def test_a_charge_that_is_here_twice_is_doubled_here() -> None:
    books, copy = succeeded(1), succeeded(1)
    copy.charge = replace(copy.charge, charge_id=charge_id(MANDATE_ID, "a copy"))
    recorded = {"pi_1": books.charge.charge_id}
    assert suspects(books, Booked(copy.charge, books.intent), recorded=recorded) == {copy.charge.charge_id}
    (found,) = verdict(
        copy.charge.charge_id, copy.charge, books.charge.charge_id, books.at_stripe, NOW
    ).differences
    assert found.kind is DifferenceKind.DOUBLED_HERE
    assert books.charge.charge_id in found.details


def test_a_charge_whose_intent_stripe_does_not_know_is_missing_there() -> None:
    books = succeeded(1)
    name = books.charge.charge_id
    assert suspects(books, kept=False) == {name}
    (found,) = verdict(name, books.charge, name, AtStripe(None), NOW).differences
    assert found.kind is DifferenceKind.MISSING_AT_STRIPE
    nameless = without(books.charge, ChargeKind.INTENT_CREATED)
    (found,) = verdict(name, nameless, None, AtStripe(None), NOW).differences
    assert found.kind is DifferenceKind.MISSING_AT_STRIPE


@pytest.mark.parametrize(
    ("status", "cancels", "named"),
    [
        ("requires_payment_method", True, False),
        ("requires_action", True, False),
        ("canceled", False, False),
        ("processing", False, True),
        ("succeeded", False, True),
    ],
)
def test_an_orphaned_intent_is_cancelled_unless_it_may_have_taken_money(
    status: str, cancels: bool, named: bool
) -> None:
    books = reserved(1, 1_000, "usd")
    orphan = replace(books.intent, payment_intent_id="pi_orphan", status=status)
    if status == "succeeded":
        orphan = replace(orphan, amount_received=1_000)
    name, charges = books.charge.charge_id, {books.charge.charge_id: books.charge}
    looked = look_at_intents([orphan], {"pi_1": name}, charges, OWNER_MARK)
    assert bool(looked.suspects) is (status != "canceled")
    said = verdict(name, books.charge, None, AtStripe(orphan), NOW)
    assert said.cancel is cancels
    assert [one.kind for one in said.differences] == [DifferenceKind.MISSING_HERE] * named


@pytest.mark.parametrize("status", ["succeeded", "canceled"])
def test_an_open_charge_that_stripe_has_decided_is_followed_up(status: str) -> None:
    books = intent_changed(waiting(1), status=status)
    assert suspects(books) == {books.charge.charge_id}
    said = verdict(books.charge.charge_id, books.charge, books.charge.charge_id, books.at_stripe, NOW)
    assert said.follow_up
    assert said.differences == ()


def test_an_ended_charge_whose_intent_waits_has_it_cancelled() -> None:
    books = intent_changed(ended(1), status="requires_payment_method")
    assert suspects(books) == {books.charge.charge_id}
    said = verdict(books.charge.charge_id, books.charge, books.charge.charge_id, books.at_stripe, NOW)
    assert said.cancel
    assert said.differences == ()


def test_a_payment_that_stripe_books_late_is_no_difference_for_weeks() -> None:
    """polarsource/polar#6144: Stripe may say what a payment cost long after it succeeded."""
    books = succeeded(1)
    books.transactions = []
    recorded = {"pi_1": books.charge.charge_id}
    assert suspects(books) == {books.charge.charge_id}  # so Stripe is asked for its movements
    assert examined(books, recorded, now=books.intent.created + 39 * DAY) == ()
    (found,) = examined(books, recorded, now=books.intent.created + 41 * DAY)
    assert found.kind is DifferenceKind.NOT_BOOKED


@pytest.mark.parametrize("currency", ["usd", "eur"])
def test_an_amount_that_was_altered_here_long_after_is_seen_in_what_was_booked(currency: str) -> None:
    """Stripe's lists are read once. Later, our copy of the balance is all that a charge is compared with."""
    books = refunded(succeeded(1, currency=currency), 400)
    charge, recorded = books.charge, {"pi_1": books.charge.charge_id}
    kept = look_at_transactions(
        books.transactions, recorded, {charge.charge_id: charge}, OWNER_MARK
    ).movements
    assert not differs_from_movements(charge, kept, NOW)
    asked, gave_back = charge.facts[ChargeKind.RESERVED], f"{ChargeKind.REFUND_CREATED}#"
    (created,) = [fact for key, fact in charge.facts.items() if key.startswith(gave_back)]
    for fact in (asked, created):
        altered = add(charge, replace(fact, detail={**fact.detail, "amount": "399"}))
        assert differs_from_movements(altered, kept, NOW) is (currency == "usd")  # euros were converted


@pytest.mark.parametrize("status", ["pending", "failed"])
@pytest.mark.parametrize("counted", [0, 400])
def test_a_refund_that_did_not_succeed_may_count_as_refunded_or_not(status: str, counted: int) -> None:
    """Stripe does not say which. Anything else is a difference."""
    books = refunded(refunded(succeeded(1), 100), 400, status=status)

    def named(amount_refunded: int) -> set[DifferenceKind]:
        listed = replace(books.intent.charge, amount_refunded=amount_refunded)  # type: ignore[type-var]
        books.intent = replace(books.intent, charge=listed)
        return {one.kind for one in examined(books, {"pi_1": books.charge.charge_id})}

    assert named(100 + counted) == set()
    assert named(501) == named(99) == {DifferenceKind.REFUNDED}


def test_a_fee_about_the_payment_is_no_other_amount() -> None:
    books = succeeded(1)
    paid = books.transactions[0]
    books.transactions.append(replace(paid, transaction_id="txn_fee", type="stripe_fee", amount=-5, net=-5))
    assert examined(books, {"pi_1": books.charge.charge_id}) == ()


def test_a_refund_that_was_just_made_need_not_be_in_stripes_list() -> None:
    books = refunded(succeeded(1), 400, status="pending")
    name, made = books.charge.charge_id, books.refunds[0].created
    at_stripe = replace(books.at_stripe, refunds=())
    assert verdict(name, books.charge, name, at_stripe, made + 60).differences == ()
    (found,) = verdict(name, books.charge, name, at_stripe, made + LISTED_WITHIN).differences
    assert found.kind is DifferenceKind.REFUND_MISSING_AT_STRIPE


def test_metadata_that_was_edited_does_not_move_a_payment_to_another_charge() -> None:
    books, other = succeeded(1), succeeded(2)
    edited = replace(books.intent, metadata=other.intent.metadata)
    recorded = {"pi_1": books.charge.charge_id, "pi_2": other.charge.charge_id}
    charges = {one.charge.charge_id: one.charge for one in (books, other)}
    looked = look_at_intents([edited, other.intent], recorded, charges, OWNER_MARK)
    assert (looked.ours, looked.suspects) == (2, [])


def test_strangers_are_counted_only() -> None:
    books = succeeded(1)
    paid = books.transactions[0]
    assert paid.source
    strangers = [
        replace(paid, source=None),
        replace(paid, source=replace(paid.source, metadata={})),
        replace(paid, source=replace(paid.source, metadata={**paid.source.metadata, "managed_by": "x"})),
        replace(paid, source=replace(paid.source, metadata={**paid.source.metadata, "charge_id": "chg_x"})),
    ]
    looked = look_at_transactions(strangers, {}, {}, OWNER_MARK)
    assert looked == Looked([], [], 0, 4)
    intents = [replace(books.intent, metadata={})]
    assert look_at_intents(intents, {}, {}, OWNER_MARK) == Looked([], [], 0, 1)


@pytest.mark.parametrize("altered", ["amount at Stripe", "currency at Stripe", "amount here"])
def test_either_list_alone_finds_what_was_taken(altered: str) -> None:
    """So a payment is found even if its intent was made long before the audit began."""
    books = ALTERED[altered][0]()
    recorded, charges = {"pi_1": books.charge.charge_id}, {books.charge.charge_id: books.charge}
    found = [Suspect(books.charge.charge_id, "pi_1")]
    assert look_at_transactions(books.transactions, recorded, charges, OWNER_MARK).suspects == found
    assert look_at_intents([books.intent], recorded, charges, OWNER_MARK).suspects == found


def test_a_payment_that_stripe_calls_failed_is_suspect() -> None:
    books = succeeded(1)
    paid = books.transactions[0]
    assert paid.source
    failed = replace(paid, source=replace(paid.source, status="failed"))
    recorded, charges = {"pi_1": books.charge.charge_id}, {books.charge.charge_id: books.charge}
    assert look_at_transactions([failed], recorded, charges, OWNER_MARK).suspects


def test_a_payment_under_the_metadata_of_a_charge_with_another_intent_is_suspect() -> None:
    """Even if all else in it is the charge's own."""
    books = succeeded(1)
    paid = books.transactions[0]
    assert paid.source
    again = replace(paid, source=replace(paid.source, payment_intent_id="pi_twin"))
    charges = {books.charge.charge_id: books.charge}
    found = look_at_transactions([again], {"pi_1": books.charge.charge_id}, charges, OWNER_MARK).suspects
    assert found == [Suspect(books.charge.charge_id, "pi_twin")]


def test_an_orphan_is_left_alone_while_its_charge_is_still_being_made() -> None:
    books = reserved(1, 1_000, "usd")
    name, being_made = books.charge.charge_id, without(books.charge, ChargeKind.INTENT_CREATED)
    assert not verdict(name, being_made, None, AtStripe(books.intent), NOW).cancel
    assert verdict(name, None, None, AtStripe(books.intent), NOW).cancel
