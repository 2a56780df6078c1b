"""From whatever id a merchant has to the page about it."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from local.storefront.console.api import ApiProblem, path_of
from local.storefront.console.calls import PATH, Call, Desk, see_other
from local.storefront.console.rendering import page
from local.storefront.console.stripe_lookup import PATHS, NotOurs, Ours, StripeNotAsked, is_stripes, look_up
from mandates.core.charging.ids import CHARGE_ID, REFUND_ID, charge_id_of_refund
from mandates.core.ids import is_mandate_id, is_printable_id

_NOT_OURS = {
    "unknown": "Stripe does not have anything with this id, and no customer has it here.",
    "another_stack": "Stripe has it, but another stack made it, which shares the Stripe account.",
    "unrelated": "Stripe has it, but it does not belong to a mandate or charge of this stack.",
}


class Finding:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [self._desk.reads("/search", self.search)]

    async def search(self, call: Call) -> Response:
        query = call.asked("q")
        if not is_printable_id(query):
            return self._nothing(call, query, "Enter an id of 1 to 255 characters.")
        if ours := own(query):
            return await self._show_if_there(call, query, ours)
        if is_stripes(query):
            return await self._ask_stripe(call, query)
        return await self._show_if_there(call, query, Ours("customer", query))

    async def _ask_stripe(self, call: Call, query: str) -> Response:
        described = self._desk.running.described()

        async def ask(path: str) -> Mapping[str, Any] | None:
            return await self._desk.stripe.get(described["stripe_url"], path)

        try:
            found = await look_up(query, described["owner_mark"], ask)
        except StripeNotAsked as wrong:
            return self._nothing(call, query, str(wrong), 502)
        if isinstance(found, NotOurs):
            return await self._show_if_there(call, query, Ours("customer", query), _NOT_OURS[found.why])
        if query.startswith("cus_") and found.kind == "mandate":  # adopted, so it does not name our customer
            mandate = await self._desk.api.get(path_of("mandates", found.id), limit=1)
            found = Ours("customer", mandate["customer_id"])
        return await self._show_if_there(call, query, found)

    async def _show_if_there(
        self,
        call: Call,
        query: str,
        ours: Ours,
        otherwise: str = "No customer, mandate or charge has this id.",
    ) -> Response:
        path = path_of(f"{ours.kind}s", ours.id)
        try:
            await self._desk.api.get(path)
        except ApiProblem as problem:
            if problem.code != "not_found":
                raise
            return self._nothing(call, query, otherwise)
        return see_other(PATH + path)

    def _nothing(self, call: Call, query: str, answer: str, status: int = 404) -> Response:
        return page("search.html", call.session, status, query=query, answer=answer, prefixes=sorted(PATHS))


def own(query: str) -> Ours | None:
    """What an id of our own names. A refund is shown with its charge."""
    if is_mandate_id(query):
        return Ours("mandate", query)
    if CHARGE_ID.fullmatch(query):
        return Ours("charge", query)
    if REFUND_ID.fullmatch(query):
        return Ours("charge", charge_id_of_refund(query))
    return None
