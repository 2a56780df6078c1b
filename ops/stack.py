"""A deployed stack, as its CloudFormation outputs describe it."""

from functools import cached_property
from typing import Literal

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

    @cached_property
    def _outputs(self) -> dict[str, str]:
        try:
            described = boto3.client("cloudformation").describe_stacks(StackName=self._name)
        except (BotoCoreError, ClientError) as error:
            raise StackError(f"can't read the stack {self._name}: {error}") from None
        return {
            output["OutputKey"]: output["OutputValue"]
            for output in described["Stacks"][0].get("Outputs", [])
            if "OutputKey" in output and "OutputValue" in output
        }
