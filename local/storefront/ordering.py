"""Charges an order to the customer's mandate, once (docs/charging.md has the rules).

A request without a clear answer leaves the order unknown. Then the shop looks for the order's charge among
those of the mandate. Only if it is not there does the shop send the same request again, under the same key.
"""

from typing import Any
from urllib.parse import quote

import httpx

from local.storefront.api import Api
from local.storefront.orders import Order, Payment

_FINAL = {"succeeded", "failed", "canceled"}
_ITS_OWN = {"in_progress", "already_charged"}
"""With these reasons, a charge with this order's reference exists, and `charge_id` names it."""

_NOT_CHARGED = {400, 403, 404, 409, 422}
"""The API wrote nothing; `code` says why. Every other error leaves that open."""


class Ordering:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def active_mandate(self, customer_id: str) -> dict[str, Any] | None:
        """The customer's newest active mandate. Raises httpx.HTTPError, NotReady.

        If somebody else came back from a mandate's set-up, it is skipped: it may hold their account, so a
        person has to look at it first.
        """
        async for mandate in self._api.items(
            f"/customers/{quote(customer_id, safe='')}/mandates", "mandates"
        ):
            if mandate["status"] == "active" and not mandate["returned"]["another"]:
                return mandate
        return None

    async def charge(self, order: Order) -> None:
        """Charge a new order. Repeating it is harmless."""
        async with order.following:
            if order.payment is Payment.UNKNOWN:
                await self._send(order)

    async def follow(self, order: Order) -> None:
        """Learn what became of the order's charge. If that can't be learned now, the order stays as it is."""
        async with order.following:
            try:
                if order.payment is Payment.UNKNOWN:
                    await self._find_or_send(order)
                elif order.payment is Payment.CHARGED:
                    order.charge = await self._api.read(f"/charges/{order.charge['charge_id']}")
            except httpx.HTTPError:
                return

    async def _find_or_send(self, order: Order) -> None:
        async for charge in self._api.items(f"/mandates/{order.mandate_id}/charges", "charges"):
            if charge["reference"] == order.number:
                order.charge, order.payment = charge, Payment.CHARGED
                return
        await self._send(order)

    async def _send(self, order: Order) -> None:
        try:
            answer = await self._api.call(
                "POST",
                f"/mandates/{order.mandate_id}/charges",
                json={
                    "amount": order.amount,
                    "currency": order.currency,
                    "reference": order.number,
                    "description": f"{order.item}, order {order.number}",
                },
                idempotency_key=order.number,
            )
            said = answer.json()
        except (httpx.HTTPError, ValueError):
            return  # it may have been charged: the order stays unknown
        if answer.is_success:
            order.charge, order.payment = said, Payment.CHARGED
        elif answer.status_code in _NOT_CHARGED and not _ITS_OWN & set(said.get("reasons", [])):
            order.problem, order.payment = said, Payment.REFUSED


def is_settled(order: Order) -> bool:
    """Whether looking again soon would show nothing new."""
    if order.payment is Payment.CHARGED:
        return order.charge["status"] in _FINAL
    return order.payment is Payment.REFUSED
