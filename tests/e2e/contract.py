"""Generated requests about things that exist; schemathesis holds the stack's answers to openapi.yaml.

Generated ids and digests alone would get 404 and 409 from nearly every route. So most requests name real
mandates, charges and sessions, and quote the current terms. The rest of each is as schemathesis made it.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, CheckFunction, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation

from local.journey import consent_to, pay_with_amazon
from tests.live.shoppers import Shopper, sign_up
from tests.live.stack import Json, LiveStack

CUSTOMER, SERVICE, NOBODY = "customer", "service", "nobody"
CALLERS = (CUSTOMER, SERVICE, NOBODY)

METHODS = {"get", "put", "post", "delete", "patch"}

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
)

REFUSALS = [401, 403, 404, 406, 409, 422, 429]
"""What a well-formed request may get. 400, 413 and 415 say that it is not well formed."""

CONFIG = {
    "generation": {"with-security-parameters": False, "allow-x00": True},
    "checks": {
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx"]},
        "positive_data_acceptance": {"expected-statuses": ["2xx", "304", *map(str, REFUSALS)]},
        "negative_data_rejection": {"expected-statuses": ["4xx"]},
    },
}

OPTIONAL_LINKS = frozenset({"cursor", "page", "charge_by", "at", "stripe_customer_id"})
"""Left out unless a request is wild: hardly any generated value of them names something."""


@dataclass
class Known:
    """What exists for the generated requests to name: things of one customer, and one thing of another."""

    owner: Shopper
    stranger: Shopper
    mandate: str
    spare: str
    """A mandate that may be revoked."""
    strange: str
    """A mandate of somebody else."""
    session: str
    strange_session: str
    return_token: str
    charge: str
    open_charge: str
    """A charge that may be cancelled."""
    terms: Json
    storefront: str
    event: Json
    tokens: Mapping[str, str]

    def ids(self, operation: str) -> Mapping[str, str]:
        """By the name of the path's parameter: the one that the operation can do something with."""
        return {
            "customer_id": self.owner.customer_id,
            "mandate_id": self.spare if operation == "revokeMandate" else self.mandate,
            "charge_id": self.open_charge if operation == "cancelCharge" else self.charge,
            "checkout_session_id": self.session,
        }

    def of_others(self) -> Mapping[str, str]:
        return {
            "customer_id": self.stranger.customer_id,
            "mandate_id": self.strange,
            "checkout_session_id": self.strange_session,
        }

    def members(self) -> Mapping[str, Any]:
        """By the name of a body's member or a query's parameter: a value that makes sense."""
        now = datetime.now(UTC)
        page = f"{self.storefront}/amazon-pay"
        return {
            **consent_to(self.terms),
            "success_url": page,
            "cancel_url": page,
            "return_token": self.return_token,
            "currency": self.terms["limits"]["currency"],
            "charge_by": (now + timedelta(days=2)).isoformat(),
            "at": (now + timedelta(hours=3)).isoformat(),
            "date": (now + timedelta(days=9)).date().isoformat(),
            "created_on": now.date().isoformat(),
            "page": 1,
        }


def prepare(stack: LiveStack) -> Known:
    """Mandates, charges and a refund for the requests to name."""
    described = stack.described
    terms = stack.http.get(f"{described['api_url']}/terms/current").raise_for_status().json()
    owner, stranger = sign_up(stack, 2)
    service = described["tokens"]["service"]
    for shopper in (owner, stranger):
        path = f"/customers/{quote(shopper.customer_id, safe='')}"
        saved = stack.call(
            "PUT", path, shopper.token, {"email": "customer@shop.example", "name": "A Customer"}
        )
        shopper.stripe_customer_id = saved["stripe_customer_id"]

    def authorised(shopper: Shopper, page: str) -> tuple[Json, str]:
        where = f"{described['storefront_url']}/{page}"
        body = {**consent_to(terms), "success_url": where, "cancel_url": where}
        opened = stack.call("POST", "/checkout-sessions", shopper.token, body)
        back = pay_with_amazon(opened["url"])
        stack.call("GET", f"/checkout-sessions/{opened['checkout_session_id']}", shopper.token)
        return opened, parse_qs(urlsplit(back).query)["return_token"][0]

    opened, return_token = authorised(owner, "contract")
    spare, _ = authorised(owner, "contract-spare")
    strange, _ = authorised(stranger, "contract")

    def charged(reference: str, amount: int) -> str:
        order = {"amount": amount, "currency": "usd", "reference": reference, "description": "An order"}
        path = f"/mandates/{opened['mandate_id']}/charges"
        answer = stack.answered("POST", path, service, order, **{"Idempotency-Key": reference})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["charge_id"])

    taken = charged("taken", 5000)
    stack.control(
        "payments", payments=[{"amount": 1234, "outcome": "declined", "code": "insufficient_funds"}]
    )
    declined = charged("declined", 1234)
    stack.control("payments")
    stack.call("GET", f"/charges/{taken}", service)
    events = [event for event in stack.stripe_events() if event["type"] == "customer.created"]
    return Known(
        owner=owner,
        stranger=stranger,
        mandate=opened["mandate_id"],
        spare=spare["mandate_id"],
        strange=strange["mandate_id"],
        session=opened["checkout_session_id"],
        strange_session=strange["checkout_session_id"],
        return_token=return_token,
        charge=taken,
        open_charge=declined,
        terms=terms,
        storefront=described["storefront_url"],
        event={name: value for name, value in events[0].items() if name != "deliveries"},
        tokens={CUSTOMER: owner.token, SERVICE: service},
    )


@dataclass
class Report:
    """What was answered, and what of it is not as documented."""

    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """How often, by operation, caller and status."""
    findings: dict[tuple[str, str, int], str] = field(default_factory=dict)
    """The first example of each, by operation, what was found and status."""

    def succeeded(self, operation: str, caller: str) -> int:
        return sum(
            count
            for (one, by, status), count in self.answers.items()
            if (one, by) == (operation, caller) and status < 400
        )

    def __str__(self) -> str:
        operations = dict.fromkeys(operation for operation, _, _ in self.answers)
        lines = [f"{'2xx as':<28}{''.join(f'{caller:>12}' for caller in CALLERS)}   all answers"]
        for operation in operations:
            done = "".join(f"{self.succeeded(operation, caller):>12}" for caller in CALLERS)
            statuses: Counter[int] = Counter()
            for (one, _, status), count in self.answers.items():
                statuses[status] += count if one == operation else 0
            given = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()) if count)
            lines.append(f"{operation:<28}{done}   {given}")
        return "\n".join([*lines, f"{self.answers.total()} answers"])


class Prober:
    """Sends generated requests in rounds, each a few per operation and caller, until the time is over.

    503 is found fault with, unless Stripe is `unavailable`; any other 5xx always is.
    """

    def __init__(self, document: Json, stack: LiveStack, known: Known, *, unavailable: bool = False) -> None:
        schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(CONFIG))
        self.operations: dict[str, APIOperation[Any, Any, Any, Any]] = {
            operation["operationId"]: schema[path][method]
            for path, method, operation in operations_of(document)
        }
        self.may = {
            operation["operationId"]: who(operation["description"])
            for _, _, operation in operations_of(document)
        }
        self.stack = stack
        self.known = known
        self.report = Report()
        self._session = requests.Session()
        self._session.trust_env = False
        self._checks: dict[str, Any] = {name: CHECKS.get_one(name) for name in CHECKED}
        self._expected = {503} if unavailable else set()

    def close(self) -> None:
        self._session.close()

    def run(self, number: int, deadline: float, rounds: int, only: Collection[str] = ()) -> None:
        """At most that many rounds. After the deadline only the first is finished."""
        for turn in range(rounds):
            for operation, caller, mode, count in self._share(only or self.operations):
                if turn and time.monotonic() > deadline:
                    return
                self._some(
                    f"{number}/{turn}/{operation}/{caller}/{mode.value}", operation, caller, mode, count
                )

    def _share(self, operations: Collection[str]) -> Iterator[tuple[str, str, GenerationMode, int]]:
        for operation in sorted(operations, key=lambda one: one == "revokeMandate"):
            for caller in self.known.tokens:
                if caller in self.may[operation]:
                    yield operation, caller, GenerationMode.POSITIVE, 2
                    yield operation, caller, GenerationMode.NEGATIVE, 1
                else:
                    yield operation, caller, GenerationMode.POSITIVE, 1
            yield operation, NOBODY, GenerationMode.POSITIVE, 1

    def _some(self, text: str, operation: str, caller: str, mode: GenerationMode, count: int) -> None:
        """The generated sequence follows from `text` alone."""

        @seed(text)
        @settings(
            max_examples=count,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self.operations[operation].as_strategy(generation_mode=mode), data=st.data())
        def each(case: Case[Any], data: st.DataObject) -> None:
            self._send(operation, caller, case, data)

        try:
            each()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing about the request can be wrong

    def _send(self, operation: str, caller: str, case: Case[Any], data: st.DataObject) -> None:
        wild = data.draw(st.integers(0, 3)) == 3  # the first example draws 0
        self._make_real(operation, case, partial(data.draw, st.integers(0, 1)) if wild else lambda: 1)
        headers = {"Accept": "application/pdf"} if operation == "getEvidencePdf" and not wild else {}
        if operation == "receiveStripeEvent" and not wild:
            headers |= self._signed(case)
        if caller in self.known.tokens:
            headers["Authorization"] = f"Bearer {self.known.tokens[caller]}"
        answer = case.call(
            base_url=self.stack.described["api_url"], session=self._session, headers=headers, timeout=60
        )
        self.report.answers[(operation, caller, answer.status_code)] += 1
        listed = self.operations[operation].definition.raw["responses"]
        if str(answer.status_code) not in listed:
            self._found(operation, "Undocumented status", answer, case)
        try:
            case.validate_response(answer, checks=self._checks_of(answer.status_code, wild), headers=headers)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._found(operation, failure.title, answer, case, failure)

    def _checks_of(self, status: int, wild: bool) -> list[CheckFunction]:
        """A wild request may have a cursor that did not come from here, or ask for a time too far ahead."""
        without = {"positive_data_acceptance"} if wild else set()
        if status in self._expected:
            without |= {"not_a_server_error", "positive_data_acceptance", "negative_data_rejection"}
        return [check for name, check in self._checks.items() if name not in without]

    def _found(
        self, operation: str, what: str, answer: Any, case: Case[Any], failure: Failure | None = None
    ) -> None:
        told = failure.message if failure else what
        example = f"{told}\n{case.as_curl_command()}\n{answer.status_code} {answer.text[:600]}"
        self.report.findings.setdefault((operation, what, answer.status_code), example)

    def _signed(self, case: Case[Any]) -> dict[str, str]:
        payload = json.dumps(case.body).encode()
        return {"Stripe-Signature": self.stack.signature_of(payload)}

    # ---------------------------------------------------------------------------- what requests name

    def _make_real(self, operation: str, case: Case[Any], wanted: Callable[[], int]) -> None:
        """Put real values where others make no sense, in the parts that are not wrong on purpose."""
        generated = case.meta.components if case.meta else {}
        right = {where for where, part in generated.items() if part.mode.is_positive}
        ids, others = self.known.ids(operation), self.known.of_others()
        members = self.known.members()
        if ParameterLocation.PATH in right:
            for name in case.path_parameters:
                if wanted():
                    case.path_parameters[name] = quote(ids[name], safe="")
                elif name in others and wanted():
                    case.path_parameters[name] = quote(others[name], safe="")
        if ParameterLocation.QUERY in right:
            _replace(case.query, members, wanted)
        if ParameterLocation.BODY in right and isinstance(case.body, dict):
            if operation == "receiveStripeEvent":
                case.body = self.known.event if wanted() else case.body
            else:
                _replace(case.body, members, wanted)
            if operation == "createCheckoutSession" and wanted():
                case.body["accepted"] = True
            amount = case.body.get("amount")
            if isinstance(amount, int | float):
                case.body["amount"] = _affordable(int(amount)) if wanted() else 30_001


def _affordable(amount: int) -> int:
    """A whole number: 5.0 is an integer to JSON Schema, but not to this API, as its description says."""
    return amount % 300 + 1


def _replace(given: dict[str, Any], members: Mapping[str, Any], wanted: Callable[[], int]) -> None:
    for name in list(given):
        if not wanted():
            continue
        if name in members:
            given[name] = members[name]
        elif name in OPTIONAL_LINKS:
            del given[name]


def operations_of(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Each with its path and method."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def who(description: str) -> set[str]:
    """Who may do it, as the operation's description says."""
    said = re.search(r"\*\*Who:\*\* (.*?)\*\*|\*\*Who:\*\* (.*)", description, re.DOTALL)
    assert said, description
    sentence = (said[1] or said[2]).partition(".")[0]
    if sentence.startswith(("anyone", "Stripe")):
        return set(CALLERS)
    customer = {CUSTOMER} if "customer" in sentence or "whoever is signed in" in sentence else set()
    service = {SERVICE} if "a service with" in sentence else set()
    assert customer | service, sentence
    return customer | service
