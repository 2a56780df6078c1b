"""What is known of a mandate, under the names of Stripe's dispute evidence."""

from collections.abc import Iterator

from mandates.core.facts import Kind
from mandates.core.record import Record, consent_entry, utc

MOST_CHARACTERS = 20_000
"""Per text field of a dispute's evidence: https://docs.stripe.com/api/disputes/update"""

PDF = "evidence.pdf"


def dispute_evidence(record: Record) -> dict[str, dict[str, str]]:
    """What we know, under the names of https://docs.stripe.com/api/disputes/update `evidence[…]`.

    `text` can be sent as it is; `files` says which file to upload for a field that takes one. What we don't
    know (e-mail address, product, delivery, refunds policy) is left out rather than guessed at.
    """
    text: dict[str, str] = {}
    files = {"uncategorized_file": PDF}
    found = consent_entry(record.entries)
    if found:
        entry, fact = found
        known = record.personal.get(entry.number, {})
        accepted_at = utc(fact["at"])
        if "source_ip" in known:
            text["customer_purchase_ip"] = known["source_ip"].value
        cancellation = _cancellation(record)
        if cancellation:
            files["cancellation_policy"] = PDF
            text["cancellation_policy_disclosure"] = (
                "The customer was shown the cancellation policy below, in the language"
                f" {record.mandate.locale}, as part of the terms {record.mandate.terms_version}, and accepted"
                f" them at {accepted_at}, before their Amazon Pay account was saved.\n\n{cancellation}"
            )
        text["access_activity_log"] = _cut("\n".join(_activity(record)))
        text["uncategorized_text"] = _cut(_statement(record, accepted_at))
    return {"text": text, "files": files}


def _cancellation(record: Record) -> str | None:
    if record.agreed is None:
        return None
    return record.agreed.terms.texts.get(record.mandate.locale, {}).get("cancellation")


def _activity(record: Record) -> Iterator[str]:
    for entry in record.entries:
        known = record.personal.get(entry.number, {})
        about = ", ".join(
            f"{label} {known[name].value}"
            for name, label in (("source_ip", "IP address"), ("user_agent", "browser"))
            if name in known
        )
        for fact in entry.facts:
            ids = " ".join(value for values in fact["ids"].values() for value in values)
            yield " ".join(filter(None, (utc(fact["at"]), fact["kind"], ids, about and f"({about})")))


def _statement(record: Record, accepted_at: str) -> str:
    mandate = record.mandate
    business = f" by {record.agreed.terms.business_name}" if record.agreed else ""
    set_up = mandate.facts.get(Kind.SETUP_SUCCEEDED)
    authorised = (
        f" They then authorised it at Amazon Pay at {utc(set_up.at)} (SetupIntent {mandate.setup_intent_id},"
        f" payment method {mandate.payment_method_id})."
        if set_up
        else ""
    )
    return (
        f"At {accepted_at} the customer opted in to being charged later through Amazon Pay{business},"
        f" under the terms {mandate.terms_version} (SHA-256 {mandate.terms_digest}).{authorised}"
        f" Mandate {mandate.mandate_id}, status {record.status}. Its ledger has {mandate.entries} entries,"
        " each of which carries the hash of the one before; the last hash is"
        f" {mandate.head_hash}. The attached document has the wording as it was shown, every event, and a"
        " digital signature."
    )


def _cut(text: str) -> str:
    more = "\n(more in the attached document)"
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(more)] + more
