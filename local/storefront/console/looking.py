"""The pages that show something."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from local.storefront.console import permission, problems, timeline, words
from local.storefront.console.api import ApiProblem, path_of
from local.storefront.console.calls import PATH, Call, Desk
from local.storefront.console.rendering import HEADERS, page

type Json = dict[str, Any]

_FINAL = {"succeeded", "failed", "canceled"}
_STATUSES = {"charges": words.CHARGE_STATUSES, "mandates": words.MANDATE_STATUSES}
_TITLES = {"charges": "Charges", "mandates": "Mandates"}
_ON_A_PAGE = 25
_MOST_READS = 5  # for one page of a list of which most does not have the wanted status
_ON_THE_OVERVIEW = 10
_LEDGER_PAGE = 50

# What a redirect after a form can say. Only these words are shown, never what an address says.
_DONE = {
    "charged": "The charge was made. Its status says what became of it.",
    "charged-before": "An earlier request under the same key made this charge. Nothing was charged twice.",
    "refunded": "The refund was requested.",
    "refunded-before": "An earlier request under the same key made this refund. Nothing was refunded twice.",
    "canceled": "The charge is cancelled, or being cancelled: its status says which.",
    "withdrawn": "The permission was withdrawn. Nothing more is charged.",
}


@dataclass
class Rows:
    """A part of a list. `more` is the address of the next part. `continued`: it is not the first."""

    rows: list[Json] = field(default_factory=list)
    more: str = ""
    continued: bool = False
    problem: problems.Shown | None = None


class Looking:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        reads = self._desk.reads
        return [
            reads("/", self.overview),
            reads("/charges", self.charges_of_a_day),
            reads("/mandates", self.mandates_of_a_day),
            reads("/charges/{charge}", self.charge),
            reads("/mandates/{mandate}", self.mandate),
            reads("/mandates/{mandate}/evidence.json", self.evidence),
            reads("/mandates/{mandate}/evidence.pdf", self.evidence_pdf),
            reads("/customers/{customer:path}", self.customer),
        ]

    async def overview(self, call: Call) -> Response:
        today = datetime.now(UTC).date().isoformat()
        charges, mandates = await asyncio.gather(
            *(
                _or_problem(self._desk.api.get(f"/{kind}", created_on=today, limit=_ON_THE_OVERVIEW), kind)
                for kind in ("charges", "mandates")
            )
        )
        shown = [
            {
                "kind": "charges",
                "title": "Charges of today",
                "rows": charges.rows,
                "problem": charges.problem,
            },
            {
                "kind": "mandates",
                "title": "Mandates of today",
                "rows": mandates.rows,
                "problem": mandates.problem,
            },
        ]
        return page("home.html", call.session, parts_of_day=shown)

    async def charges_of_a_day(self, call: Call) -> Response:
        return await self._day(call, "charges")

    async def mandates_of_a_day(self, call: Call) -> Response:
        return await self._day(call, "mandates")

    async def _day(self, call: Call, kind: str) -> Response:
        today = datetime.now(UTC).date()
        chosen = _date(call.asked("day")) or today
        status = call.asked("status") if call.asked("status") in _STATUSES[kind] else ""
        found = await self._read_on(kind, chosen.isoformat(), status, call.asked("cursor"))
        return page(
            "days.html",
            call.session,
            kind=kind,
            title=_TITLES[kind],
            chosen=chosen.isoformat(),
            today=today.isoformat(),
            before=(chosen - timedelta(days=1)).isoformat(),
            after=(chosen + timedelta(days=1)).isoformat() if chosen < today else "",
            status=status,
            statuses=_STATUSES[kind],
            rows=found.rows,
            more=found.more,
            continued=found.continued,
        )

    async def _read_on(self, kind: str, day: str, status: str, cursor: str) -> Rows:
        """The API looks at the status after it has read a page, so a page may be empty: read a few."""
        found = Rows(continued=bool(cursor))
        for _ in range(_MOST_READS):
            answer = await self._desk.api.get(
                f"/{kind}", created_on=day, status=status, limit=_ON_A_PAGE, cursor=cursor
            )
            found.rows += answer[kind]
            cursor = answer["next_cursor"] or ""
            if not cursor or len(found.rows) >= _ON_A_PAGE:
                break
        if cursor:
            found.more = "?" + urlencode({"day": day, "status": status, "cursor": cursor})
        return found

    async def customer(self, call: Call) -> Response:
        customer_id = call.id("customer")
        path = path_of("customers", customer_id)
        listing = self._desk.api.get(f"{path}/mandates", limit=_ON_A_PAGE, cursor=call.asked("cursor"))
        listed, customer = await asyncio.gather(listing, self._customer(path))
        rows = _rows(call, "mandates", listed, "cursor")
        if customer is None and not rows.rows and not rows.continued:
            raise ApiProblem("not_found", 404)
        return page(
            "customer.html",
            call.session,
            customer_id=customer_id,
            stripe_customer_id=customer and customer["stripe_customer_id"],
            rows=rows.rows,
            more=rows.more,
            continued=rows.continued,
        )

    async def _customer(self, path: str) -> Json | None:
        """None if the customer has no customer at Stripe yet."""
        try:
            return await self._desk.api.get(path)
        except ApiProblem as problem:
            if problem.code == "not_found":
                return None
            raise

    async def mandate(self, call: Call) -> Response:
        path = path_of("mandates", call.id("mandate"))
        api = self._desk.api
        mandate, charges, notices = await asyncio.gather(
            api.get(path, limit=_LEDGER_PAGE, cursor=call.asked("ledger")),
            _or_problem(
                api.get(f"{path}/charges", limit=_ON_A_PAGE, cursor=call.asked("charges")), "charges", call
            ),
            _or_problem(
                api.get(f"{path}/notices", limit=_ON_A_PAGE, cursor=call.asked("notices")), "notices", call
            ),
        )
        agreed = mandate.get("permission")
        return page(
            "mandate.html",
            call.session,
            done=_DONE.get(call.asked("done")),
            here=PATH + path,
            mandate={"spending": None, **mandate},
            permission=agreed and permission.in_words(agreed),
            promised_notice=bool(agreed and agreed.get("notice")),
            charges=charges,
            notices=notices,
            ledger=timeline.of_ledger(mandate["ledger"]),
            more_ledger=_next(call, "ledger", mandate["next_cursor"]),
            ids=_ids(mandate),
        )

    async def charge(self, call: Call) -> Response:
        path = path_of("charges", call.id("charge"))
        charge, listed = await asyncio.gather(self._desk.api.get(path), self._desk.api.get(f"{path}/refunds"))
        return page(
            "charge.html",
            call.session,
            done=_DONE.get(call.asked("done")),
            here=PATH + path,
            charge=charge,
            status=words.known(words.CHARGE_STATUSES, charge["status"]),
            final=charge["status"] in _FINAL,
            open_dispute=any(dispute["open"] for dispute in charge.get("disputes", ())),
            refunds=listed["refunds"],
            timeline=timeline.of_charge(charge, listed["refunds"]),
        )

    async def evidence(self, call: Call) -> Response:
        return await self._download(call, "evidence", "application/json", "json")

    async def evidence_pdf(self, call: Call) -> Response:
        return await self._download(call, "evidence.pdf", "application/pdf", "pdf")

    async def _download(self, call: Call, name: str, media_type: str, suffix: str) -> Response:
        path = path_of("mandates", call.id("mandate"))
        content = await self._desk.api.file(f"{path}/{name}", media_type)
        # The mandate exists, so its id is of letters, digits and underscores.
        disposition = f'attachment; filename="evidence-{call.id("mandate")}.{suffix}"'
        return Response(
            content, media_type=media_type, headers={**HEADERS, "Content-Disposition": disposition}
        )


async def _or_problem(reading: Awaitable[Json], kind: str, call: Call | None = None) -> Rows:
    """A part of a page that can't be read says so, and the rest of the page is shown."""
    try:
        answer = await reading
    except ApiProblem as problem:
        return Rows(problem=problems.of_reading(problem))
    return _rows(call, kind, answer, kind) if call else Rows(answer[kind])


def _rows(call: Call, kind: str, answer: Json, parameter: str) -> Rows:
    return Rows(answer[kind], _next(call, parameter, answer["next_cursor"]), bool(call.asked(parameter)))


def _next(call: Call, parameter: str, cursor: str | None) -> str:
    """The address of this page with the next part of one of its lists; empty on the last."""
    if not cursor:
        return ""
    kept = {name: value for name, value in call.request.query_params.items() if name != "done"}
    return "?" + urlencode({**kept, parameter: cursor})


def _ids(mandate: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    return [
        ("Mandate", mandate["mandate_id"]),
        ("Stripe's customer", mandate["stripe_customer_id"]),
        ("Checkout Session", mandate["checkout_session_id"]),
        ("SetupIntent", mandate["setup_intent_id"]),
        ("Payment method", mandate["payment_method_id"]),
        ("Stripe's Mandate", mandate["stripe_mandate_id"]),
    ]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
