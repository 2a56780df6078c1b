"""The whole journey on a stack of its own, which is stopped again whatever happens."""

import tempfile
import time
from pathlib import Path
from typing import Any

from local import stack
from local.journey import Business, Customer, DidNotWork, Refused, pay_with_amazon
from local.progress import say
from local.settings import Settings
from mandates.core.currencies import EXPONENTS

__all__ = ["DidNotWork", "run"]


def run() -> int:
    """Returns 0 only if a mandate really became active, one charge succeeded and another was refused."""
    with tempfile.TemporaryDirectory(prefix="mandates-demo-") as folder:
        settings = Settings.apart(Path(folder))
        began = time.monotonic()
        say("A stack of its own: AWS, Stripe and a storefront on this machine")
        try:
            running = stack.up(settings)
            say(f"\nA customer lets the shop charge them later  [{time.monotonic() - began:.1f} s so far]")
            mandate = walk_through(running)
            say("\nThe shop charges them while they are away")
            charge = charge_them(running, mandate)
        finally:
            say("\nStopping everything that was started")
            stack.down(settings)
    say(f"Done in {time.monotonic() - began:.1f} s: mandate {mandate['mandate_id']} is {mandate['status']},")
    say(f"charge {charge['charge_id']} {charge['status']}.")
    return 0


def walk_through(running: dict[str, Any]) -> dict[str, Any]:
    customer = Customer(
        running["api_url"], running["tokens"]["customer"], running["customer_ids"]["customer"]
    )
    shop = running["storefront_url"]
    try:
        tell = _Steps()
        terms = customer.current_terms()
        tell("reads the terms", version=terms["version"], digest=f"{terms['digest'][:12]}…")
        created = customer.become_customer()
        tell("becomes a Stripe customer", **created)
        session = customer.accept(terms, success_url=f"{shop}/amazon-pay", cancel_url=f"{shop}/amazon-pay")
        tell(
            "accepts, and a session is opened",
            **{k: session[k] for k in ("mandate_id", "checkout_session_id")},
        )
        back = pay_with_amazon(session["url"])
        tell("authorises at Amazon Pay and is sent back", to=back.partition("?")[0])
        returned = customer.come_back(back)["returned"]
        tell("comes back, and the page says so", by_customer_at=returned["customer"])
        mandate = customer.mandate_once(session["mandate_id"], "active")
        tell("has an active mandate, by Stripe's webhook", payment_method_id=mandate["payment_method_id"])
    finally:
        customer.close()
    say("\nIts ledger, each entry with the hash of the one before:\n")
    say(ledger_table(mandate))
    return mandate


def charge_them(running: dict[str, Any], mandate: dict[str, Any]) -> dict[str, Any]:
    """One charge within what was agreed, and one above it. A part of the first goes back; returns it."""
    business = Business(running["api_url"], running["tokens"]["service"])
    order = {"currency": "usd", "description": "Coffee, two bags"}
    try:
        tell = _Steps()
        charge = business.charge(
            mandate["mandate_id"], idempotency_key="order-1", amount=1299, reference="order-1", **order
        )
        charge = business.charge_once(charge["charge_id"], "succeeded")
        tell(
            "charges an order of the customer",
            amount=money(charge["amount"], charge["currency"]),
            status=charge["status"],
            charge_id=charge["charge_id"],
            payment_intent_id=charge["payment_intent_id"],
        )
        problem = refusal_of(business, mandate["mandate_id"], amount=30_001, reference="order-2", **order)
        tell(
            "asks for more than was agreed, and is refused",
            amount=money(30_001, order["currency"]),
            status=f"{problem['status']} {problem['code']}",
            reasons=", ".join(problem["reasons"]),
            earliest=problem["earliest"] or "never",
            left=money(problem["left"], problem["currency"]),
        )
        refund = business.refund(charge["charge_id"], idempotency_key="return-1", amount=299)
        tell(
            "gives back a part of the charge",
            amount=money(refund["amount"], refund["currency"]),
            status=refund["status"],
            refund_id=refund["refund_id"],
        )
    finally:
        business.close()
    return charge


def refusal_of(business: Business, mandate_id: str, **order: Any) -> dict[str, Any]:
    try:
        charge = business.charge(mandate_id, idempotency_key=order["reference"], **order)
    except Refused as refused:
        return refused.problem
    raise DidNotWork(f"{charge['charge_id']} is above the limit of a charge, and was accepted")


def money(amount: int, currency: str) -> str:
    """Of minor units: 12.99 USD, 500 JPY."""
    digits = EXPONENTS[currency]
    return f"{amount / 10**digits:.{digits}f} {currency.upper()}"


def ledger_table(mandate: dict[str, Any]) -> str:
    head = ("#", "what", "status after", "recorded at", "from", "previous hash", "hash")
    rows = [
        (
            str(entry["number"]),
            ", ".join(entry["kinds"]),
            entry["status"],
            entry["recorded_at"],
            entry["source"],
            entry["previous_hash"][:10] or "-",
            entry["hash"][:10],
        )
        for entry in mandate["ledger"]
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, tuple("─" * width for width in widths), *rows]
    return "\n".join("  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


class _Steps:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, what: str, **details: str) -> None:
        now = time.monotonic()
        say(f"  ✓ {what} ({now - self._last:.2f} s)")
        for name, value in details.items():
            say(f"      {name}: {value}")
        self._last = now
