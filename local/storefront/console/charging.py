"""The pages that check a charge and make one."""

import uuid
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from local.storefront.console import problems
from local.storefront.console.api import ApiProblem, path_of
from local.storefront.console.calls import PATH, Call, Desk, see_other
from local.storefront.console.forms import CREATED, Json, Sent, about, agreed_currency, fields, query_with_key
from local.storefront.console.rendering import page

_OF_A_CHARGE = ("key", "amount", "currency", "reference", "description")


class Charging:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            self._desk.reads("/mandates/{mandate}/check", self.check),
            self._desk.reads("/mandates/{mandate}/charge", self.form),
            self._desk.acts("/mandates/{mandate}/charge", self.charge),
        ]

    async def check(self, call: Call) -> Response:
        """A form that is sent with GET: it changes nothing, and its answer can be loaded again."""
        path = path_of("mandates", call.id("mandate"))
        mandate = await self._desk.api.get(path, limit=1)
        sent = Sent(fields(call.request.query_params, "amount", "currency", "reference", "at"))
        sent.values["currency"] = sent.values["currency"] or agreed_currency(mandate)
        decision = None
        if "amount" in call.request.query_params:
            decision = await self._decision(path, sent)
        wanted = {name: sent.values[name] for name in ("amount", "currency", "reference")}
        return page(
            "check.html",
            call.session,
            sent.status,
            here=PATH + path,
            decision=decision,
            charge_link=f"{PATH}{path}/charge?{urlencode(wanted)}",
            **about(mandate),
            **sent.shown(),
        )

    async def _decision(self, path: str, sent: Sent) -> problems.Shown | None:
        body = {
            "amount": sent.amount(sent.values["currency"]),
            "currency": sent.values["currency"],
            # Without a reference of its own it must not meet that of another charge.
            "reference": sent.values["reference"] or f"check-{uuid.uuid4()}",
            "description": "Check",
            "at": sent.moment("at"),
        }
        if sent.errors:
            return None
        try:
            _, answer = await self._desk.api.post(f"{path}/charges/check", body)
        except ApiProblem as problem:
            sent.problem = problem
            return None
        return problems.of_decision(answer)

    async def form(self, call: Call) -> Response:
        path = path_of("mandates", call.id("mandate"))
        if query := query_with_key(call):
            return see_other(f"{PATH}{path}/charge?{query}")
        mandate = await self._desk.api.get(path, limit=1)
        sent = Sent(fields(call.request.query_params, *_OF_A_CHARGE))
        sent.values["currency"] = sent.values["currency"] or agreed_currency(mandate)
        return _form_page(call, path, mandate, sent)

    async def charge(self, call: Call) -> Response:
        path = path_of("mandates", call.id("mandate"))
        # Before the charge: without an answer to that, the form has to be shown again, with its key.
        mandate = await self._desk.api.get(path, limit=1)
        sent = Sent(fields(call.form, *_OF_A_CHARGE))
        sent.require("reference", "Enter what is paid for.")
        sent.require("description", "Enter what the customer is to read.")
        body = {
            "amount": sent.amount(sent.values["currency"]),
            **{name: sent.values[name] for name in ("currency", "reference", "description")},
        }
        if not sent.errors:
            try:
                status, made = await self._desk.api.post(f"{path}/charges", body, key=sent.values["key"])
            except ApiProblem as problem:
                sent.problem = problem
            else:
                done = "charged" if status == CREATED else "charged-before"
                return see_other(f"{PATH}{path_of('charges', made['charge_id'])}?done={done}")
        return _form_page(call, path, mandate, sent)


def _form_page(call: Call, path: str, mandate: Json, sent: Sent) -> Response:
    return page(
        "charge_form.html", call.session, sent.status, here=PATH + path, **about(mandate), **sent.shown()
    )
