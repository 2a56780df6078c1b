"""A deployed stack, as CloudFormation describes it: its outputs and parameters, and its Stripe account."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from mandates.gateway.client import Gateway
from mandates.gateway.politeness import BACKGROUND_PER_SECOND, Pacer
from mandates.runtime.secret_values import plain
from mandates.store import tables
from ops.existing_tables import TABLES, Table, store_name

Output = Literal[
    "ApiUrl",
    "OwnerMark",
    "WebhookQueueUrl",
    "WebhookDeadLettersUrl",
    "StripeWorkQueueUrl",
    "StripeWorkDeadLettersUrl",
    "ChargeQueueUrl",
    "ChargeDeadLettersUrl",
    "OutwardBusName",
    "UnpublishedEntriesUrl",
    "UnpublishedChargesUrl",
    "StripeWebhookSecretsArn",
]
Parameter = Literal[
    "Stage",
    "StripeApiBase",
    "StripeApiKeySecretArn",
    "StripeLivemode",
    "MandatesStreamArn",
    "ChargesStreamArn",
]


class StackError(Exception):
    """Its message says what the operator can do."""


class Stack:
    """`other_tables` are used in place of the stack's own: table names by the output's name."""

    def __init__(
        self, name: str, *, is_local: bool = False, other_tables: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._is_local = is_local
        self._other_tables = other_tables or {}

    @property
    def command(self) -> str:
        """How an operator begins every command for this stack."""
        return "python -m ops" if self._is_local else f"python -m ops --stack {self.name}"

    def output(self, name: Output | Table) -> str:
        """Raises StackError if the stack or that output does not exist."""
        if name in self._other_tables:
            return self._other_tables[name]
        try:
            return self.outputs[name]
        except KeyError:
            raise StackError(f"the stack {self.name} has no output {name}: deploy it again") from None

    def parameter(self, name: Parameter) -> str:
        """The value that the stack was deployed with. Raises StackError."""
        try:
            return self.parameters[name]
        except KeyError:
            raise StackError(f"the stack {self.name} has no parameter {name}: deploy it again") from None

    def use_tables(self) -> None:
        """Point the store at this stack's tables."""
        tables.bind({store_name(table): self.output(table) for table in TABLES})

    @cached_property
    def stripe_key(self) -> str:
        """The stack's own. Raises StackError."""
        arn = self.parameter("StripeApiKeySecretArn")
        try:
            return plain(boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
        except (BotoCoreError, ClientError) as error:
            raise StackError(
                f"can't read the stack's Stripe key: {error}; use credentials that allow "
                f"secretsmanager:GetSecretValue on {arn}"
            ) from None
        except ValueError as error:
            raise StackError(f"the stack's Stripe key can't be used: {error} ({arn})") from None

    @cached_property
    def gateway(self) -> Gateway:
        """Stripe with the stack's own key, called no faster than by a worker. Raises StackError."""
        pacer = Pacer(BACKGROUND_PER_SECOND, time.monotonic, time.sleep)
        return Gateway(self.stripe_key, api_base=self.parameter("StripeApiBase"), pacer=pacer)

    @cached_property
    def _described(self) -> Any:
        try:
            return boto3.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            first = "is it running? `make up`; " if self._is_local else ""
            raise StackError(f"can't read the stack {self.name}: {first}{error}") from None

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """All of them, by name. Raises StackError if the stack does not exist."""
        return {
            output["OutputKey"]: output["OutputValue"]
            for output in self._described.get("Outputs", [])
            if "OutputKey" in output and "OutputValue" in output
        }

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """All that it was deployed with, by name. Raises StackError if the stack does not exist."""
        return {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in self._described.get("Parameters", [])
        }
