"""A deployed stack, as its CloudFormation outputs describe it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from mandates.store import tables

Output = Literal[
    "ApiUrl",
    "CustomersTable",
    "MandatesTable",
    "StripeSubjectsTable",
    "EventsTable",
    "TermsTable",
    "WebhookQueueUrl",
    "WebhookDeadLettersUrl",
    "StripeWebhookSecretsArn",
]


class StackError(Exception):
    """The message says what the operator can do."""


class Stack:
    def __init__(self, name: str) -> None:
        self._name = name

    def output(self, name: Output) -> str:
        """Raises StackError if the stack, or that output, is not there."""
        try:
            return self._outputs[name]
        except KeyError:
            raise StackError(f"the stack {self._name} has no output {name}: deploy it anew") from None

    def use_tables(self) -> None:
        """Point the store at this stack's tables."""
        tables.bind(
            {
                "customers": self.output("CustomersTable"),
                "mandates": self.output("MandatesTable"),
                "stripe_subjects": self.output("StripeSubjectsTable"),
                "events": self.output("EventsTable"),
                "terms": self.output("TermsTable"),
            }
        )

    @property
    def id(self) -> str:
        """Its ARN, which no other stack ever has. Raises StackError."""
        return str(self._described["StackId"])

    def parameter(self, name: str) -> str:
        """Raises StackError if the stack, or that parameter, is not there."""
        for parameter in self._described.get("Parameters", []):
            if parameter["ParameterKey"] == name:
                return str(parameter["ParameterValue"])
        raise StackError(f"the stack {self._name} has no parameter {name}: deploy it anew")

    @cached_property
    def _outputs(self) -> dict[str, str]:
        return {
            output["OutputKey"]: output["OutputValue"]
            for output in self._described.get("Outputs", [])
            if "OutputKey" in output and "OutputValue" in output
        }

    @cached_property
    def _described(self) -> Mapping[str, Any]:
        try:
            return boto3.client("cloudformation").describe_stacks(StackName=self._name)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            raise StackError(f"can't read the stack {self._name}: {error}") from None
