"""AWS in memory, under botocore: what our functions call, and the streams, queues and bus behind it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from mandates.ledger.stream import ENTRY_PREFIX
from tests.component.world import TABLES, template
from tests.simulation.dynamodb import DynamoDB, Table, Write, refusal
from tests.simulation.expressions import Item, NotSimulated
from tests.simulation.queues import Queue
from tests.simulation.tasks import Call, Clock, ContainerGone, Fault

Json = dict[str, Any]

SHARDS = 2
_ENTRIES = {"Keys": {"record": {"S": [{"prefix": ENTRY_PREFIX}]}}}
CHARGES_READER = "publish_charges"
STREAM_FILTERS: Mapping[str, Json] = {
    "publish_changes": _ENTRIES,
    "queue_withdrawals": {**_ENTRIES, "NewImage": {"status": {"S": ["revoked"]}}},
}
"""Of the entries that are added, by who reads the mandates' stream; `Aws.__init__` holds it against
template.yaml, and that the charges' stream has the filter of every entry."""

BUS = "outward"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/"
WEBHOOK_QUEUE, WORK_QUEUE = f"{QUEUE}webhooks", f"{QUEUE}stripe-work"
CHARGE_QUEUE, CHARGE_DEAD_LETTERS = f"{QUEUE}charges", f"{QUEUE}charges-dead"
WORK_DEAD_LETTERS, UNPUBLISHED = f"{QUEUE}stripe-work-dead", f"{QUEUE}unpublished"
UNPUBLISHED_CHARGES = f"{QUEUE}unpublished-charges"


def properties(logical_id: str) -> Json:
    found: Json = template()["Resources"][logical_id]["Properties"]
    return found


@dataclass
class Shard:
    """What an event source mapping has still to hand over to its function, and how much at a time."""

    function: str
    records: list[Json] = field(default_factory=list)
    position: int = 0
    batch: int = 10
    busy: bool = False


@dataclass
class Published:
    """What the bus took, by mandate or charge: the entries' numbers in the order in which each came first."""

    numbers: dict[str, list[int]] = field(default_factory=dict)

    def take(self, detail: Mapping[str, Any]) -> None:
        chain, number = entry_of(detail)
        numbers = self.numbers.setdefault(chain, [])
        if number not in numbers:
            numbers.append(number)


def entry_of(detail: Mapping[str, Any]) -> tuple[str, int]:
    """The mandate or charge that an event is about, and the entry's number."""
    if "charge_id" in detail:
        return detail["charge_id"], detail["number"]
    return detail["mandate_id"], detail["ledger_number"]


class Aws:
    """`watch` is told of every write to DynamoDB, those of one transaction together."""

    def __init__(self, clock: Clock, random: Random, watch: Callable[[list[Write]], None]) -> None:
        self._clock = clock
        self._random = random
        self._watch = watch
        self._written = 0
        self._transactions = 0
        self.transaction_of: dict[tuple[str, int], int] = {}
        self.longest_index_lag = 0.0
        """In seconds; each write reaches the indexes after some part of it."""
        self.dynamodb = DynamoDB(
            [Table.declared(name, properties(logical_id)) for name, logical_id in TABLES.items()],
            self._wrote,
            clock,
            lambda: random.uniform(0, self.longest_index_lag),
        )
        self.dead_letters = Queue.declared(f"{QUEUE}webhooks-dlq", properties("WebhookDeadLetters"))
        self.webhooks = Queue.declared(WEBHOOK_QUEUE, properties("WebhookQueue"), self.dead_letters)
        self.work = Queue.declared(WORK_QUEUE, properties("StripeWorkQueue"))
        self.work_dead_letters = Queue.declared(WORK_DEAD_LETTERS, properties("StripeWorkDeadLetters"))
        self.unpublished = Queue.declared(UNPUBLISHED, properties("UnpublishedEntries"))
        self.unpublished_charges = Queue.declared(UNPUBLISHED_CHARGES, properties("UnpublishedCharges"))
        self.charges = Queue.declared(CHARGE_QUEUE, properties("ChargeQueue"))
        self.charge_dead_letters = Queue.declared(CHARGE_DEAD_LETTERS, properties("ChargeDeadLetters"))
        self.refusing = (self.dead_letters, self.work_dead_letters, self.charge_dead_letters)
        """Nothing of ours ever ends in these."""
        self.polled = (self.webhooks, self.work, self.charges)
        self.secrets: dict[str, str] = {}
        self.published = Published()
        self.refused: Mapping[tuple[str, int], str] = {}
        """What the bus does not take: mandate or charge and number, and the code it says."""
        self.shards = [Shard(function) for function in STREAM_FILTERS for _ in range(SHARDS)]
        self.charges_shard = Shard(CHARGES_READER)
        set_aside = (self.work_dead_letters, self.charge_dead_letters, self.unpublished)
        self._queues = {queue.url: queue for queue in (*self.polled, *set_aside, self.unpublished_charges)}
        for function, wanted in {**STREAM_FILTERS, CHARGES_READER: _ENTRIES}.items():
            mapping = properties(function.title().replace("_", ""))["Events"]["Ledger"]["Properties"]
            pattern = mapping["FilterCriteria"]["Filters"]
            if [json.loads(one["Pattern"]) for one in pattern] != [
                {"eventName": ["INSERT"], "dynamodb": wanted}
            ]:
                raise NotSimulated(f"the stream's filter {pattern}")

    def items(self, table: str) -> Mapping[tuple[str, ...], Item]:
        return self.dynamodb.tables[table].items

    # --------------------------------------------------------------------------------- one API call

    def call(self, call: Call, fault: Fault | None) -> Json:
        """Raises what botocore would. The fault is one of `call.faults`, and not CRASH_BEFORE."""
        match fault:
            case Fault.UNREACHABLE:
                raise ConnectTimeoutError(endpoint_url=call.service)
            case Fault.THROTTLED | Fault.CONFLICT:
                raise _throttled(call, fault)
            case Fault.PARTLY:
                return self._partly(call)
        if fault is Fault.REPEATED and call.operation != "TransactWriteItems":
            # botocore sends it again, and hears of the second only. A transaction has a token against that.
            self._effect(call)
        answer = self._effect(call)
        if fault is Fault.CRASH_AFTER:
            raise ContainerGone
        if fault is Fault.TIMED_OUT:
            raise ReadTimeoutError(endpoint_url=call.service)
        return answer

    def _effect(self, call: Call) -> Json:
        parameters = call.parameters
        match call.service, call.operation:
            case "dynamodb", operation:
                return self.dynamodb.call(operation, parameters)
            case "sqs", "SendMessage":
                queue = self._queues[parameters["QueueUrl"]]
                return {"MessageId": queue.send(parameters["MessageBody"], self._clock.now)}
            case "sqs", "SendMessageBatch":
                queue = self._queues[parameters["QueueUrl"]]
                for entry in parameters["Entries"]:
                    queue.send(entry["MessageBody"], self._clock.now)
                return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]}
            case "sqs", "GetQueueAttributes":
                length = len(self._queues[parameters["QueueUrl"]].messages)
                names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
                return {"Attributes": dict(zip(names, (str(length), "0"), strict=True))}
            case "sqs", "ChangeMessageVisibility":
                self._queues[parameters["QueueUrl"]].change_visibility(
                    parameters["ReceiptHandle"], parameters["VisibilityTimeout"], self._clock.now
                )
                return {}
            case "secretsmanager", "GetSecretValue":
                return {"SecretString": self.secrets[parameters["SecretId"]]}
            case "events", "PutEvents":
                answers = [self._put(json.loads(event["Detail"])) for event in parameters["Entries"]]
                return {"FailedEntryCount": sum("ErrorCode" in one for one in answers), "Entries": answers}
        raise NotSimulated(str(call))

    def _put(self, detail: Json) -> Json:
        code = self.refused.get(entry_of(detail))
        if code:
            return {"ErrorCode": code, "ErrorMessage": ""}
        self.published.take(detail)
        return {"EventId": "1"}

    def _partly(self, call: Call) -> Json:
        """A part is done and the answer says which."""
        if call.operation == "BatchGetItem":
            answer: Json = {"Responses": {}, "UnprocessedKeys": {}}
            for table, wanted in call.parameters["RequestItems"].items():
                left = sorted(wanted["Keys"], key=str)[: (len(wanted["Keys"]) + 1) // 2]
                now = [key for key in wanted["Keys"] if key not in left]
                answer["UnprocessedKeys"][table] = {**wanted, "Keys": left}
                asked = {"RequestItems": {table: {**wanted, "Keys": now}}}
                answer["Responses"] |= self._effect(Call(call.service, call.operation, asked))["Responses"]
            return answer
        entries = call.parameters["Entries"]
        if call.operation == "SendMessageBatch":
            some = {**call.parameters, "Entries": entries[1:]}
            answer = self._effect(Call(call.service, call.operation, some))
            return {
                **answer,
                "Failed": [{"Id": entries[0]["Id"], "Code": "InternalError", "SenderFault": False}],
            }
        refused = self._random.randrange(len(entries))
        taken = [event for number, event in enumerate(entries) if number != refused]
        self._effect(Call(call.service, call.operation, {"Entries": taken}))
        answers = [{"EventId": "1"} for _ in entries]
        answers[refused] = {"ErrorCode": "InternalFailure", "ErrorMessage": ""}
        return {"FailedEntryCount": 1, "Entries": answers}

    # ------------------------------------------------------------------------------------ the stream

    def _wrote(self, writes: list[Write]) -> None:
        """The writes of one transaction come out in any order."""
        self._transactions += 1
        streams = [write for write in writes if write.table.streams and write.after is not None]
        self._charges_streamed([write for write in streams if write.table.name == "charges"])
        streamed = [write for write in streams if write.table.name == "mandates"]
        for write in self._random.sample(streamed, len(streamed)):
            assert write.after
            if write.before is None and write.key[1].startswith(ENTRY_PREFIX):
                self._written += 1
                self.transaction_of[write.key[0], int(write.after["number"]["N"])] = self._transactions
                keys = {name: write.after[name] for name in write.table.keys}
                change = {"Keys": keys, "NewImage": write.after, "SequenceNumber": str(self._written)}
                # Items of one partition share a shard.
                place = sum(write.key[0].encode()) % SHARDS
                for number, shard in enumerate(self.shards):
                    withdrawn = write.after["status"]["S"] == "revoked"
                    wanted = withdrawn or "NewImage" not in STREAM_FILTERS[shard.function]
                    if number % SHARDS == place and wanted:
                        shard.records.append({"eventName": "INSERT", "dynamodb": change})
        self._watch(writes)

    def _charges_streamed(self, writes: list[Write]) -> None:
        """One transaction writes one entry of a charge at most, so there is no order to be mixed up."""
        for write in writes:
            if write.before is None and write.after and write.key[1].startswith(ENTRY_PREFIX):
                keys = {name: write.after[name] for name in write.table.keys}
                number = str(len(self.charges_shard.records) + 1)
                change = {"Keys": keys, "NewImage": write.after, "SequenceNumber": number}
                self.charges_shard.records.append({"eventName": "INSERT", "dynamodb": change})


def _throttled(call: Call, fault: Fault) -> Exception:
    if call.operation == "TransactWriteItems":
        code = "TransactionConflict" if fault is Fault.CONFLICT else "ThrottlingError"
        reasons = [{"Code": code}, *({"Code": "None"} for _ in call.parameters["TransactItems"][1:])]
        return refusal(call.operation, "TransactionCanceledException", "", reasons)
    code = "ProvisionedThroughputExceededException" if call.service == "dynamodb" else "ThrottlingException"
    return refusal(call.operation, code)
