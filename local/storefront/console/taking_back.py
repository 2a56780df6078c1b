"""The pages that take something back: refund, cancel, withdraw."""

from starlette.responses import Response
from starlette.routing import Route

from local.storefront.console import problems
from local.storefront.console.api import ApiProblem, path_of
from local.storefront.console.calls import PATH, Call, Desk, see_other
from local.storefront.console.formatting import money, short_id, typed
from local.storefront.console.forms import CREATED, Json, Sent, fields, label, query_with_key
from local.storefront.console.rendering import page

_OF_A_REFUND = ("key", "amount", "reason")
_REFUND_REASONS = [
    ("", "None"),
    ("requested_by_customer", "Requested by the customer"),
    ("duplicate", "Duplicate"),
    ("fraudulent", "Fraudulent (Stripe may block the payment details)"),
]


class TakingBack:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        reads, acts = self._desk.reads, self._desk.acts
        return [
            reads("/charges/{charge}/refund", self.refund_form),
            acts("/charges/{charge}/refund", self.refund),
            reads("/charges/{charge}/cancel", self.cancel_form),
            acts("/charges/{charge}/cancel", self.cancel),
            reads("/mandates/{mandate}/withdraw", self.withdraw_form),
            acts("/mandates/{mandate}/withdraw", self.withdraw),
        ]

    async def refund_form(self, call: Call) -> Response:
        path = path_of("charges", call.id("charge"))
        if query := query_with_key(call):
            return see_other(f"{PATH}{path}/refund?{query}")
        charge = await self._desk.api.get(path)
        sent = Sent(fields(call.request.query_params, *_OF_A_REFUND))
        if not sent.values["amount"] and charge["refundable"]:
            sent.values["amount"] = typed(charge["refundable"], charge["currency"])
        return _refund_page(call, path, charge, sent)

    async def refund(self, call: Call) -> Response:
        path = path_of("charges", call.id("charge"))
        charge = await self._desk.api.get(path)
        sent = Sent(fields(call.form, *_OF_A_REFUND))
        if amount := sent.amount(charge["currency"]):
            body = {"amount": amount, "reason": sent.values["reason"] or None}
            try:
                status, _ = await self._desk.api.post(f"{path}/refunds", body, key=sent.values["key"])
            except ApiProblem as problem:
                sent.problem = problem
            else:
                done = "refunded" if status == CREATED else "refunded-before"
                return see_other(f"{PATH}{path}?done={done}")
        return _refund_page(call, path, charge, sent)

    async def cancel_form(self, call: Call) -> Response:
        path = path_of("charges", call.id("charge"))
        return _cancel_page(call, path, await self._desk.api.get(path))

    async def cancel(self, call: Call) -> Response:
        path = path_of("charges", call.id("charge"))
        try:
            await self._desk.api.post(f"{path}/cancel", {})
        except ApiProblem as problem:
            return _cancel_page(call, path, await self._desk.api.get(path), problem)
        return see_other(f"{PATH}{path}?done=canceled")

    async def withdraw_form(self, call: Call) -> Response:
        path = path_of("mandates", call.id("mandate"))
        return _withdraw_page(call, path, await self._desk.api.get(path, limit=1))

    async def withdraw(self, call: Call) -> Response:
        path = path_of("mandates", call.id("mandate"))
        try:
            await self._desk.api.post(f"{path}/revoke", {"reason": "requested_in_console"})
        except ApiProblem as problem:
            return _withdraw_page(call, path, await self._desk.api.get(path, limit=1), problem)
        return see_other(f"{PATH}{path}?done=withdrawn")


def _refund_page(call: Call, path: str, charge: Json, sent: Sent) -> Response:
    return page(
        "refund_form.html",
        call.session,
        sent.status,
        here=PATH + path,
        charge=charge,
        reasons=_REFUND_REASONS,
        **sent.shown(),
    )


def _cancel_page(call: Call, path: str, charge: Json, problem: ApiProblem | None = None) -> Response:
    name = charge["reference"] or short_id(charge["charge_id"])
    return page(
        "confirm.html",
        call.session,
        problems.status_of(problem) if problem else 200,
        here=PATH + path,
        action=f"{PATH}{path}/cancel",
        back=f"Charge {name}",
        title=f"Cancel charge {name}",
        texts=[
            f"No further attempt to take {money(charge['amount'], charge['currency'])} begins, and the "
            "PaymentIntent is cancelled at Stripe.",
            "If an attempt is under way, Stripe decides which came first. Money that was taken is not given "
            "back: refund the charge instead.",
        ],
        button="Cancel the charge",
        keep="Keep it",
        shown=problem and problems.of_problem(problem),
    )


def _withdraw_page(call: Call, path: str, mandate: Json, problem: ApiProblem | None = None) -> Response:
    return page(
        "confirm.html",
        call.session,
        problems.status_of(problem) if problem else 200,
        here=PATH + path,
        action=f"{PATH}{path}/withdraw",
        back=f"Mandate {label(mandate)}",
        title=f"Withdraw {label(mandate)}",
        texts=[
            "The permission ends at once and for good. To charge again, you need a new consent.",
            "Charges that are not final are cancelled. Money already taken stays: refund it where due.",
        ],
        button="Withdraw for good",
        keep="Keep it",
        shown=problem and problems.of_problem(problem),
    )
