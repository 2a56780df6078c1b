"""Counts what the real handlers ask of AWS, in the units that AWS bills."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.aws_calls import real_call, replace_calls
from tests.budget.capacity import Item, Lookup, Table, table_of, units
from tests.component.world import TABLES, Context, World, template
from tests.functions import BY_FOLDER

AWS_CALL_SECONDS = 0.010
STRIPE_CALL_SECONDS = 0.300
OWN_SECONDS = 0.010
CHARGE_ROUND_TRIPS = 14
"""Of a charge: ten in the request, three for Stripe's event, one to publish."""
CHARGE_OWN_SECONDS = 0.140
"""Of create_charge: some 40 ms of CPU (`make bench`), of which 512 MB has three tenths of a core."""
TRACED = 0.05
ACCESS_LOG_BYTES = 400


class Meter:
    """Runs a function as the world does, and counts what that one invocation used, by cost.PRICES.

    `round_trips`: how often DynamoDB was asked. `logged` is where the handlers' logs go.
    """

    def __init__(self, world: World, logged: io.StringIO) -> None:
        self._world, self._logged = world, logged
        self.units: Counter[str] = Counter()
        self.round_trips = 0
        self._aws_calls: int | None = None
        self._invoke, self._call = world.invoke, real_call()
        world.invoke = self.invoke  # type: ignore[method-assign]

        def counted(client: Any, operation: str, parameters: Any) -> Any:
            return self._counted(client, operation, parameters)

        replace_calls(world.monkeypatch, counted)

    def start_again(self) -> None:
        """Forget what was counted: the preparations are over."""
        self.units.clear()
        self.round_trips = 0

    def invoke(self, name: str, event: Mapping[str, Any], context: Context | None = None) -> Any:
        self._world.function(name)  # what it does at its start is not what it does each time
        stripe, logged = len(self._world.stripe.core.requests()), self._logged.tell()
        self._aws_calls = 0
        try:
            answer = self._invoke(name, event, context)
            aws_calls = self._aws_calls
        finally:
            self._aws_calls = None
        self.units["CloudWatch Logs"] += self._logged.tell() - logged
        self.one_invocation(name, aws_calls, len(self._world.stripe.core.requests()) - stripe)
        return answer

    def one_invocation(self, function: str, aws_calls: int = 0, stripe_calls: int = 0) -> None:
        """Of a function that made so many calls."""
        own = CHARGE_OWN_SECONDS if function == "create_charge" else OWN_SECONDS
        seconds = own + aws_calls * AWS_CALL_SECONDS + stripe_calls * STRIPE_CALL_SECONDS
        self.units["Lambda requests"] += 1
        self.units["Lambda duration"] += seconds * memory(function) / 1024  # type: ignore[assignment]
        self.units["X-Ray"] += TRACED  # type: ignore[assignment]

    def requests_at_the_api(self, count: int) -> None:
        self.units["API Gateway"] += count
        self.units["CloudWatch Logs"] += count * ACCESS_LOG_BYTES

    def _counted(self, client: Any, operation: str, parameters: Any) -> Any:
        if self._aws_calls is None:
            return self._call(client, operation, parameters)
        self._aws_calls += 1
        match client.meta.service_model.service_name:
            case "dynamodb":
                return self._dynamodb(client, operation, parameters)
            case "sqs":
                assert operation in {"SendMessage", "SendMessageBatch"}
                self.units["SQS"] += 3
            case "events":
                self.units["EventBridge"] += len(parameters["Entries"])
            case "secretsmanager":
                self.units["Secrets Manager"] += 1
        return self._call(client, operation, parameters)

    def _dynamodb(self, client: Any, operation: str, parameters: Any) -> Any:
        before = _items()
        answer = self._call(client, operation, parameters)
        used = units(
            operation, parameters, answer, tables=tables(), before=_lookup(before), after=_lookup(_items())
        )
        self.round_trips += 1
        self.units["DynamoDB reads"] += used.reads  # type: ignore[assignment]
        self.units["DynamoDB writes"] += used.writes
        return answer


def memory(function: str) -> int:
    properties = template()["Resources"][BY_FOLDER[function]]["Properties"]
    return int(properties.get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


@cache
def tables() -> Mapping[str, Table]:
    resources = template()["Resources"]
    return {name: table_of(resources[logical]["Properties"]) for name, logical in TABLES.items()}


type _Items = Mapping[tuple[str, str], Item]
"""By table and key."""


def _items() -> _Items:
    """All that moto has now."""
    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    found: dict[tuple[str, str], Item] = {}
    for name, table in tables().items():
        for held in backend.get_table(name).all_items():
            item = held.to_json()["Attributes"]
            found[name, _key(item, table)] = item
    return found


def _lookup(items: _Items) -> Lookup:
    return lambda table, key: items.get((table, _key(key, tables()[table])))


def _key(item: Item, table: Table) -> str:
    return json.dumps([item[name] for name in table.keys])
