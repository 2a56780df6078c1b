"""DynamoDB in memory behind real clients: botocore validates, signs and parses; only moto's part is replaced.

moto takes ten times as long to answer. tests/simulation/test_dynamodb_like_moto.py holds the two together.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from moto.core.models import botocore_stubber
from urllib3 import HTTPResponse

from tests.component.world import TABLES, template
from tests.simulation.dynamodb import DynamoDB, Table
from tests.simulation.expressions import Names, NotSimulated, Values, condition

PROTOCOL = "DynamoDB_20120810."
"""Before the operation's name in X-Amz-Target.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""


@dataclass
class InMemory:
    """`database` answers what its clients send; while there is none, moto does."""

    database: DynamoDB | None = None
    not_simulated: list[NotSimulated] = field(default_factory=list)
    """What our code answered as it would any bug of ours, so that a test may have missed it."""

    def serve(self, client: BaseClient) -> None:
        """From now on; again, it changes nothing.

        botocore asks every handler and keeps the first answer, so moto would work out an answer for nothing.
        """
        # What such a handler returns is the response. The type stubs expect none to return anything.
        events: Any = client.meta.events
        events.unregister("before-send", botocore_stubber)
        events.register_first("before-send.dynamodb", self._answer, unique_id="in memory")

    def _answer(self, request: AWSPreparedRequest, **told: Any) -> AWSResponse | None:
        if self.database is None:
            return botocore_stubber(request=request, **told)
        try:
            return response_of(self.database, request)
        except NotSimulated as missing:
            self.not_simulated.append(missing)
            raise


@contextmanager
def tables_in_memory(memory: InMemory) -> Iterator[None]:
    """Empty, as template.yaml declares them. Fails in the end if more was asked of them than is simulated."""
    resources = template()["Resources"]
    tables = [Table.declared(name, resources[of]["Properties"]) for name, of in TABLES.items()]
    memory.database = DynamoDB(tables)
    memory.not_simulated = []
    try:
        yield
    finally:
        memory.database = None
    assert memory.not_simulated == []


def response_of(dynamodb: DynamoDB, request: AWSPreparedRequest) -> AWSResponse:
    target = request.headers["X-Amz-Target"]
    name = target.decode() if isinstance(target, bytes) else str(target)
    status, body = 200, dict[str, Any]()
    try:
        body = answer(dynamodb, name.removeprefix(PROTOCOL), json.loads(body_of(request)))
    except ClientError as error:
        status, body = 400, refused(error)
    content = HTTPResponse(io.BytesIO(json.dumps(body).encode()), preload_content=False)
    return AWSResponse(request.url, status, HTTPHeaders(), content)


def body_of(request: AWSPreparedRequest) -> bytes:
    assert isinstance(request.body, bytes)
    return request.body


def answer(dynamodb: DynamoDB, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Tests also look at whole tables, and take some away. Our functions may do neither (test_growth.py)."""
    match operation:
        case "Scan":
            return scan(dynamodb, **parameters)
        case "DeleteTable":
            del dynamodb.tables[parameters["TableName"]]
            return {}
    return dynamodb.call(operation, parameters)


def scan(
    dynamodb: DynamoDB,
    *,
    TableName: str,  # noqa: N803 (DynamoDB's own names)
    FilterExpression: str = "",  # noqa: N803
    ExpressionAttributeNames: Names = {},  # noqa: N803, B006
    ExpressionAttributeValues: Values = {},  # noqa: N803, B006
    ReturnConsumedCapacity: str = "",  # noqa: N803
) -> dict[str, Any]:
    items = list(dynamodb.tables[TableName].items.values())
    if FilterExpression:
        holds = condition(FilterExpression)
        items = [item for item in items if holds(item, ExpressionAttributeNames, ExpressionAttributeValues)]
    return {"Items": items, "Count": len(items), "ScannedCount": len(items)}


def refused(error: ClientError) -> dict[str, Any]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""
    said: Any = error.response
    body = {
        "__type": f"com.amazonaws.dynamodb.v20120810#{said['Error']['Code']}",
        "message": said["Error"]["Message"],
    }
    reasons = said.get("CancellationReasons")
    return body if reasons is None else body | {"CancellationReasons": reasons}
