"""How operators name charges, and how charges are printed for them."""

from mandates.core.charging.head import Charge
from mandates.core.charging.ids import CHARGE_ID
from mandates.store.charges import read_charge
from mandates.store.charging_switch import ChargingPause


def charge_named(text: str) -> Charge | None:
    """The charge whose id an operator typed."""
    return read_charge(text) if CHARGE_ID.fullmatch(text) else None


def money(charge: Charge) -> str:
    """Minor units, as they are everywhere: 1299 usd is $12.99, and 1299 jpy is ¥1,299."""
    return f"{charge.amount} {charge.currency} (minor units)"


def paused_line(paused: ChargingPause) -> str:
    return f"charging has been paused since {paused.at} by {paused.by}: {paused.why}"
