"""A shop on the running stack: mandates under terms of several kinds, and a back end that charges them."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from local import environment
from local.journey import Customer
from local.settings import ROOT
from tests.live.shoppers import sign_up
from tests.live.stack import LiveStack, until

Json = dict[str, Any]

AGAIN = frozenset({429, 503})

DOCUMENTS: Mapping[str, Json] = {
    "fixed, monthly": {
        "frequency": {"kind": "recurring", "interval": "month", "every": 1},
        "amount": {"kind": "fixed", "amount": 1299},
    },
    "once": {"frequency": {"kind": "one_time"}},
    "not yet, with notice": {"limits": {"first_date": "2999-01-01"}, "notice": {"hours": 24}},
    "over": {"limits": {"last_date": "2026-01-01"}},
}
"""Terms other than terms/example.yaml, by what is changed in that."""


ONE_AFTER_ANOTHER = """
import json, sys
from ops.__main__ import main
for line in sys.stdin:
    try:
        status = main(json.loads(line))
    except SystemExit as end:
        status = end.code
    print(json.dumps({"ended": status}), flush=True)
"""


class Operator:
    """Runs commands of `ops` in one process, since each start takes a second."""

    def __init__(self, state: str) -> None:
        layer = ROOT / "layers" / "mandates" / "python"
        self._process = subprocess.Popen(
            [sys.executable, "-c", ONE_AFTER_ANOTHER],
            cwd=ROOT,
            env={**environment.clean(), "MANDATES_STATE_DIR": state, "PYTHONPATH": f"{ROOT}:{layer}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, arguments: Sequence[str]) -> str:
        """Returns what the command printed. It must end with 0."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        printed = ""
        for line in self._process.stdout:
            if line.startswith('{"ended": '):
                assert json.loads(line) == {"ended": 0}, printed
                return printed
            printed += line
        raise AssertionError(printed)

    def close(self) -> None:
        self._process.communicate()


class Shop:
    def __init__(self, live: LiveStack, folder: Path) -> None:
        self.live = live
        self._operator = Operator(live.described["state_dir"])
        self._folder = folder
        self._headers = {"Authorization": f"Bearer {live.described['tokens']['service']}"}

    def close(self) -> None:
        self._operator.close()
        self.live.close()

    # ------------------------------------------------------------------------------------- set-ups

    def agreed(self, count: int) -> list[str]:
        """The ids of active mandates under the current terms, each of a customer of its own."""
        with ThreadPoolExecutor(2) as pool:  # more would start more processes of each function
            return list(pool.map(lambda _: self._agreed(authorised=True), range(count)))

    def pending(self) -> str:
        """The id of a mandate whose customer has not been at Amazon yet."""
        return self._agreed(authorised=False)

    def _agreed(self, *, authorised: bool) -> str:
        (shopper,) = sign_up(self.live, 1)
        with closing(
            Customer(self.live.described["api_url"], shopper.token, shopper.customer_id)
        ) as customer:
            customer.become_customer()
            shop = f"{self.live.described['storefront_url']}/{uuid.uuid4()}"
            session = customer.accept(customer.current_terms(), success_url=shop, cancel_url=shop)
            if authorised:
                self.live.control(f"sessions/{session['checkout_session_id']}/authorize")
                customer.mandate_once(session["mandate_id"], "active")
            return str(session["mandate_id"])

    @contextmanager
    def other_terms(self) -> Iterator[Mapping[str, str]]:
        """A mandate for each of DOCUMENTS. Then the terms that were offered before are offered again."""
        example = yaml.safe_load((ROOT / "terms" / "example.yaml").read_text(encoding="utf-8"))
        pointer = self.pointer()
        try:
            yield {name: self._agreed_to(example, name, changes) for name, changes in DOCUMENTS.items()}
        finally:
            self.live.dynamodb.put_item(TableName=self.live.described["tables"]["terms"], Item=pointer)

    def pointer(self) -> Json:
        """The stored item that says which terms are offered. Only a new version can be published."""
        found: Json = self.live.dynamodb.get_item(
            TableName=self.live.described["tables"]["terms"],
            Key={"record": {"S": "pointer"}, "version": {"S": "current"}},
            ConsistentRead=True,
        )["Item"]
        return found

    def _agreed_to(self, example: Json, name: str, changes: Json) -> str:
        limits = {**example["limits"], **changes.get("limits", {})}
        document = {**example, **changes, "limits": limits, "version": f"e2e-{uuid.uuid4().hex[:12]}"}
        file = self._folder / "terms.yaml"
        file.write_text(json.dumps(document), encoding="utf-8")
        self.ops("terms", "publish", str(file))
        (mandate_id,) = self.agreed(1)
        return mandate_id

    def ops(self, *arguments: str) -> str:
        """As an operator of this stack. Returns what was printed."""
        return self._operator.run(arguments)

    @contextmanager
    def variable(self, name: str, value: str, *, of: Sequence[str]) -> Iterator[None]:
        """Meanwhile these functions have another value of a variable, as after a deployment."""
        functions = self.live.aws("lambda")
        found = [one["FunctionName"] for one in functions.list_functions(MaxItems=50)["Functions"]]
        before = {}
        try:
            for function in (one for one in found if one.split("-")[-2] in of):
                config = functions.get_function_configuration(FunctionName=function)
                variables = config["Environment"]["Variables"]
                alias = functions.get_alias(FunctionName=function, Name="live")
                before[function] = (variables, alias["FunctionVersion"])
                _configure(functions, function, {**variables, name: value})
                published = functions.publish_version(FunctionName=function)["Version"]
                functions.update_alias(FunctionName=function, Name="live", FunctionVersion=published)
            assert len(before) == len(of)
            yield
        finally:
            for function, (variables, version) in before.items():
                _configure(functions, function, variables)
                functions.update_alias(FunctionName=function, Name="live", FunctionVersion=version)

    # ------------------------------------------------------------------------------------- charges

    def post(self, path: str, body: Json | str, **headers: str) -> httpx.Response:
        """Repeated on 429 and 503, as a good client does. `body` as text is sent as it is."""
        content = body if isinstance(body, str) else json.dumps(body)
        sent = {**self._headers, "Content-Type": "application/json", **headers}
        url = self.live.described["api_url"] + path
        while (answer := self.live.http.post(url, content=content, headers=sent)).status_code in AGAIN:
            self.live.troubles[str(answer.status_code)] += 1
        return answer

    def charge(self, mandate_id: str, key: str | None = None, **changes: Any) -> httpx.Response:
        key = key or uuid.uuid4().hex
        headers = {"Idempotency-Key": key}
        return self.post(
            f"/mandates/{mandate_id}/charges", details(**{"reference": key, **changes}), **headers
        )

    def charged(self, mandate_id: str, **changes: Any) -> Json:
        answer = self.charge(mandate_id, **changes)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def check(self, mandate_id: str, **changes: Any) -> Json:
        answer = self.post(f"/mandates/{mandate_id}/charges/check", details(**changes))
        checked: Json = answer.raise_for_status().json()
        return checked

    def read(self, charge_id: str) -> Json:
        url = f"{self.live.described['api_url']}/charges/{charge_id}"
        shown: Json = self.live.http.get(url, headers=self._headers).raise_for_status().json()
        return shown

    def once(self, charge_id: str, *statuses: str, seconds: float = 30) -> Json:
        """The charge, once it has one of these statuses."""
        what = f"{charge_id} as {' or '.join(statuses)}"
        until(lambda: self.read(charge_id)["status"] in statuses, seconds=seconds, what=what)
        return self.read(charge_id)

    def mandate(self, mandate_id: str) -> Json:
        url = f"{self.live.described['api_url']}/mandates/{mandate_id}"
        shown: Json = self.live.http.get(url, headers=self._headers).raise_for_status().json()
        return shown

    # -------------------------------------------------------------------------------------- Stripe

    @contextmanager
    def payments(self, *outcomes: Json) -> Iterator[None]:
        """Meanwhile payments turn out like this (local/stripe_simulator/payments.py)."""
        self.live.control("payments", payments=list(outcomes))
        try:
            yield
        finally:
            self.live.control("payments", payments=[])

    @contextmanager
    def without_webhooks(self) -> Iterator[None]:
        self.live.control("faults", webhooks={"outage": True})
        try:
            yield
        finally:
            self.live.control("faults")

    def taken(self, mandate_id: str) -> list[int]:
        """The amounts that Stripe took for a mandate."""
        return [
            intent["amount_received"]
            for intent in self.live.stripe_list("payment_intents")
            if intent["metadata"]["mandate_id"] == mandate_id and intent["status"] == "succeeded"
        ]


def _configure(functions: Any, function: str, variables: Mapping[str, str]) -> None:
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


def details(**changes: Any) -> Json:
    return {
        "amount": 1299,
        "currency": "usd",
        "reference": "order-42",
        "description": "Order 42 at Example Shop",
        **changes,
    }
