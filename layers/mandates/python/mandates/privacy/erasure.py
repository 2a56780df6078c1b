"""Erases everything held about a customer. What happens to each thing:

| held                                   | then                                                        |
|----------------------------------------|-------------------------------------------------------------|
| every mandate                          | revoked first, so nothing is charged; Stripe's end follows  |
| personal values beside the ledger      | deleted with their salts                                    |
| what was written about charges, notices| deleted, with its salts, digests and Stripe's parameters    |
| the customer id on a mandate           | a random pseudonym, kept nowhere else                       |
| the card behind a saved account        | deleted in the same write                                   |
| customer, checkout, "whose cus_… is it"| deleted                                                     |
| the ledger, and the chains of charges  | stay, and verify                                            |

The ledger stays because it is the business's own record: it proves that *a* customer agreed, to which words,
and when. The customer id goes because the record would otherwise still be about a person. Each mandate gets a
different pseudonym, derived from nothing, so nobody can look up or recompute whose it was. What the ledger
holds of the subject is SHA-256 over a deleted salt. Stripe's ids are in the chain and stay, too. They lead to
a person only for as long as Stripe keeps its customer; `remains` says how to delete that. No customer's token
reaches a mandate without its customer id; a service can still read it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from mandates.core.clock import Clock, RandomBytes
from mandates.core.errors import Busy, LedgerUnreadable
from mandates.core.facts import Fact, Kind
from mandates.core.faults import faults
from mandates.core.ledger import Entry
from mandates.core.mandate import Mandate
from mandates.core.retention import ERASURE, erasure_begun, evidence_ends, last_of_its_life
from mandates.ledger.contributing import contribute_ours
from mandates.ledger.snapshot import charges_at_rest, read_record
from mandates.privacy.holdings import Holdings, holdings
from mandates.store.charges import last_news_of_charges, open_charges
from mandates.store.conflicts import Conflict
from mandates.store.customers import delete_customer, delete_slot
from mandates.store.erasing import delete_personal, disown, erase_charges, release_stripe_customer
from mandates.store.mandates import read_ledger

PSEUDONYM_PREFIX = "erased:"

RESTORABLE_DAYS = 35
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html"""

MEANWHILE = "the customer did something in the meantime: run this again"

CHARGED_MEANWHILE = "a charge was made in the meantime: run this again once it has ended"

Say = Callable[[str], None]


class EvidenceKept(Exception):
    """Its message says until when, and how to erase sooner. Nothing was changed."""


class ChargesOpen(EvidenceKept):
    """Stripe may still take money, and what it takes would belong to nobody. No override helps."""


def erase(
    held: Holdings, *, override: str | None, clock: Clock, random_bytes: RandomBytes, say: Say
) -> list[str]:
    """Erase what `holdings` found. Returns what is wrong afterwards: nothing, if all went well.

    Raises ChargesOpen, with nothing done, while any charge is not final. Raises EvidenceKept, with nothing
    done, unless the evidence of every mandate may go, or `override` says why it goes anyway: a word for the
    ledger, never anything personal. An erasure that has begun is finished without asking again. After a crash
    anywhere it continues when it is run again. `say` gets each step once it is done.

    The order makes that possible. The customer goes before the slot, and the slot goes last. Once the
    customer is gone, no checkout can begin any more. The slot names the newest mandate, which the index may
    not know yet. Each goes only if it is still as it was read, so a checkout that began meanwhile is never
    overlooked.
    """
    _must_have_ended(held)
    ledgers = {mandate.mandate_id: read_ledger(mandate.mandate_id) for mandate in held.mandates}
    kept = {
        mandate_id: until
        for mandate_id, entries in ledgers.items()
        if (until := kept_until(entries, last_charge(mandate_id))) and clock() < until.timestamp()
    }
    if kept and override is None:
        raise EvidenceKept(_refusal(kept))
    for mandate in held.mandates:
        if not erasure_begun(ledgers[mandate.mandate_id]):
            _revoke(mandate.mandate_id, override if mandate.mandate_id in kept else None, clock)
        say(f"{mandate.mandate_id}: revoked")
    if _open_charges(held):
        return [CHARGED_MEANWHILE]
    for stripe_customer_id in held.stripe_customer_ids:
        release_stripe_customer(stripe_customer_id, held.customer_id)
        say(f"{stripe_customer_id}: deleted the link to the customer")
    try:
        if held.customer:
            delete_customer(held.customer)
            say("deleted the customer")
        for mandate in held.mandates:
            _depersonalise(mandate.mandate_id, held.customer_id, random_bytes, say)
        if held.slot:
            delete_slot(held.customer_id, held.slot["mandate_id"])
            say("deleted the checkout")
    except Conflict:
        return [MEANWHILE]
    return [*_broken(held.mandates, say), *_made_meanwhile(held.customer_id)]


def _depersonalise(mandate_id: str, customer_id: str, random_bytes: RandomBytes, say: Say) -> None:
    charges = erase_charges(mandate_id)
    if charges:
        say(f"{mandate_id}: deleted what was written about {charges} charges and their notices")
    values = delete_personal(mandate_id)
    say(f"{mandate_id}: deleted the personal values of {values} ledger entries, and their salts")
    disown(mandate_id, customer_id, PSEUDONYM_PREFIX + random_bytes(16).hex())
    say(f"{mandate_id}: replaced the customer id with a random pseudonym")


def kept_until(entries: Sequence[Entry], charged: datetime | None = None) -> datetime | None:
    """Until when this ledger's evidence is kept; None if there is none, or if its erasure has begun.
    `charged` is when there was last news of any charge."""
    last = last_of_its_life(entries)
    return None if last is None or erasure_begun(entries) else evidence_ends(last, charged)


def last_charge(mandate_id: str) -> datetime | None:
    at = last_news_of_charges(mandate_id)
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _must_have_ended(held: Holdings) -> None:
    still_open = _open_charges(held)
    if still_open:
        raise ChargesOpen(
            "these charges are not final, or have a pending refund or an open dispute:"
            f" {', '.join(still_open[:5])}{', …' if len(still_open) > 5 else ''}."
            " Revoke the mandates, and erase once all of that has ended. Nothing was changed"
        )


def _open_charges(held: Holdings) -> list[str]:
    return [charge for mandate in held.mandates for charge in open_charges(mandate.mandate_id)]


def _refusal(kept: Mapping[str, datetime]) -> str:
    mandate_id, until = max(kept.items(), key=lambda item: item[1])
    return (
        f"the evidence of {mandate_id} is kept until {until:%Y-%m-%d %H:%M} UTC: erase from then on, or now"
        " with --override-retention REASON. Nothing was changed"
    )


def _revoke(mandate_id: str, override: str | None, clock: Clock) -> None:
    """With a qualifier, so that the ledger of a mandate that was already revoked records its erasure, too."""
    detail = {"by": "operator", "reason": "erasure", **({"override": override} if override else {})}
    contribute_ours(
        mandate_id,
        ERASURE,
        lambda now: Fact(Kind.REVOKED, now, ERASURE, detail=detail, qualifier="erasure"),
        clock,
    )


def _broken(mandates: Sequence[Mandate], say: Say) -> list[str]:
    problems = []
    for mandate_id in sorted(mandate.mandate_id for mandate in mandates):
        try:
            record = read_record(mandate_id, charging=charges_at_rest(mandate_id).register)
        except (LedgerUnreadable, Busy) as error:
            problems.append(f"{mandate_id}: {error}")
            continue
        found = faults(record) if record else ["it is gone"]
        if record and not found:
            say(f"{mandate_id}: the ledger's {len(record.entries)} entries verify")
        problems += [f"{mandate_id}: {fault}" for fault in found]
    return problems


def _made_meanwhile(customer_id: str) -> list[str]:
    again = holdings(customer_id)
    return [] if again.is_empty else [MEANWHILE]


def remains(held: Holdings, clock: Clock) -> list[str]:
    """What an erasure here does not reach, and what to do about it."""
    last_backup = datetime.fromtimestamp(clock(), UTC) + timedelta(days=RESTORABLE_DAYS)
    at_stripe = [
        f"Stripe has the customer {one}, with e-mail address, name, customer id, payment methods. Once those"
        f" are detached, delete it (`stripe customers delete {one}`, or in the Dashboard: Customers, {one},"
        " Delete customer) and have the data redacted: https://docs.stripe.com/privacy/deletion-requests"
        for one in held.stripe_customer_ids
    ]
    if held.customer and held.customer.stripe_customer_id is None:
        at_stripe.append(
            "Stripe may have a customer whose creation was never confirmed: look for the metadata customer_id"
            f" {held.customer_id} with `stripe customers search`, and delete it"
        )
    return [
        *at_stripe,
        f"Backups (point-in-time recovery) hold what was erased until {last_backup:%Y-%m-%d}; after a restore"
        " from before today, erase again",
        "Stripe's PaymentIntents have each charge's description, and its reference in the metadata: have them"
        " redacted with the customer (https://docs.stripe.com/privacy/deletion-requests)",
        "The streams of the mandates' and the charges' tables hold it for 24 hours",
        "The ledgers and the chains of charges stay: facts, amounts, times, the wording, Stripe's ids, and"
        " salted hashes whose salts are gone",
        "The ids of charges and notices stay. They are made from the Idempotency-Key and from what a notice"
        " says, so whoever guesses those can confirm the guess",
        "Event records (40 days), queued messages (14 days at most), logs (LogRetentionDays) and published"
        " events name mandates and Stripe's ids, nobody's name, address or customer id",
        "The account at your identity provider is not part of this system",
    ]
