"""What is known about a mandate, under the names of Stripe's dispute evidence."""

from collections.abc import Iterator
from itertools import chain

from mandates.core.charging.facts import OF_ATTEMPTS, OF_DISPUTES, OF_REFUNDS, ChargeFact, intent_of
from mandates.core.charging.proof import StoredCharge, proven_charge
from mandates.core.currencies import CURRENCIES, written
from mandates.core.facts import Kind, utc
from mandates.core.mandate import Mandate
from mandates.core.record import ConsentEntry, Proven, Record, proven
from mandates.core.return_tokens import By, returns

MOST_CHARACTERS = 20_000
"""Per text field of a dispute's evidence: https://docs.stripe.com/api/disputes/update"""

PDF = "evidence.pdf"

_SIGNED_IN_AS = {By.CUSTOMER: "this customer", By.ANOTHER: "another customer"}


def dispute_evidence(record: Record) -> dict[str, dict[str, str]]:
    """What we know, under the names of https://docs.stripe.com/api/disputes/update `evidence[…]`.

    `text` can be submitted as it is. `files` says which file to upload for a field that takes one. What we
    don't know (e-mail address, product, delivery, refunds policy) is left out and not guessed. If the ledger
    is broken, everything is left out.
    """
    text: dict[str, str] = {}
    files = {"uncategorized_file": PDF}
    known = proven(record)
    head, consent = known.head, known.consent
    if head and consent and known.status:
        given = known.personal[consent.entry.number]
        if "source_ip" in given:
            text["customer_purchase_ip"] = given["source_ip"].value
        cancellation = known.terms.texts.get(head.locale, {}).get("cancellation") if known.terms else None
        if cancellation:
            files["cancellation_policy"] = PDF
            text["cancellation_policy_disclosure"] = (
                "The customer was shown the cancellation policy below, in the language"
                f" {head.locale}, as part of the terms {head.terms_version}, and accepted them at"
                f" {utc(consent.fact.at)}, before their Amazon Pay account was saved.\n\n{cancellation}"
            )
        log = [*_activity(known), *chain.from_iterable(map(_of_charge, record.charging.charges))]
        text["access_activity_log"] = _cut("\n".join(log))
        text["uncategorized_text"] = _cut(_statement(known, head, consent))
    return {"text": text, "files": files}


def _activity(known: Proven) -> Iterator[str]:
    for entry in known.entries:
        given = known.personal[entry.number]
        about = ", ".join(
            f"{label} {given[name].value}"
            for name, label in (("source_ip", "IP address"), ("user_agent", "browser"))
            if name in given
        )
        for fact in entry.facts:
            ids = " ".join(value for values in fact["ids"].values() for value in values)
            by = f"by {fact['detail']['by']}" if fact["kind"] == Kind.RETURNED else ""
            yield " ".join(filter(None, (utc(fact["at"]), fact["kind"], by, ids, about and f"({about})")))


def _of_charge(stored: StoredCharge) -> Iterator[str]:
    """What was charged, when each attempt was begun and ended, and what was given back or disputed."""
    known = proven_charge(stored)
    if known.reserved is None:
        return
    said, intent = known.reserved.detail, intent_of(known.facts)
    amount = written(int(said["amount"]), said["currency"])
    at, for_it = utc(known.reserved.at), intent or "no PaymentIntent"
    yield f"{at} charge {stored.charge_id} of {amount} reserved ({for_it})"
    for fact in sorted(known.facts.values(), key=lambda fact: (fact.at, fact.key)):
        if fact.kind in OF_ATTEMPTS | OF_REFUNDS | OF_DISPUTES:
            ids = " ".join(value for values in fact.ids.values() for value in sorted(values))
            line = f"{utc(fact.at)} charge {stored.charge_id} {fact.kind} {fact.qualifier} {ids}".rstrip()
            yield f"{line} {_given_back(fact)}".rstrip()
    if known.ended_at:
        yield f"{known.ended_at} charge {stored.charge_id} {known.status or 'not known'}"


def _given_back(fact: ChargeFact) -> str:
    """What a refund or a dispute is about, if the fact says so."""
    amount, currency = fact.detail.get("amount", ""), fact.detail.get("currency", "")
    is_known = fact.kind in OF_REFUNDS | OF_DISPUTES and amount.isdecimal() and currency in CURRENCIES
    return f"of {written(int(amount), currency)}" if is_known else ""


def _statement(known: Proven, head: Mandate, consent: ConsentEntry) -> str:
    business = f" by {known.terms.business_name}" if known.terms else ""
    set_up = head.facts.get(Kind.SETUP_SUCCEEDED)
    authorised = (
        f" They then authorised it at Amazon Pay at {utc(set_up.at)} (SetupIntent {head.setup_intent_id},"
        f" payment method {head.payment_method_id})."
        if set_up
        else ""
    )
    came_back = "".join(
        f" Somebody signed in as {_SIGNED_IN_AS[by]} came back from that page at {utc(at)}."
        for by, at in returns(head.facts).items()
        if at is not None
    )
    return (
        f"At {utc(consent.fact.at)} the customer opted in to being charged later through Amazon Pay"
        f"{business}, under the terms {head.terms_version} (SHA-256 {head.terms_digest})."
        f"{authorised}{came_back}"
        f" Mandate {head.mandate_id}, status {known.status}. Its ledger has {head.entries} entries,"
        " each of which carries the hash of the one before; the last hash is"
        f" {head.head_hash}. The attached document has the wording as it was shown, every event, and a"
        " digital signature."
    )


def _cut(text: str) -> str:
    more = "\n(more in the attached document)"
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(more)] + more
