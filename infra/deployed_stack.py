"""A deployed stack, and the service's flows on its resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rewards import settings
from rewards.bootstrap import Flows, Settings


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """The outputs and parameters of a stack, and its physical ids by logical ids."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    resources: Mapping[str, str]

    @classmethod
    def named(cls, name: str, client: Callable[..., Any]) -> "DeployedStack":
        """The stack with this name; `client` gives the client of an AWS service."""
        cloudformation = client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        summaries = [each for page in pages for each in page["StackResourceSummaries"]]
        return cls(
            {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]},
            {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]},
            {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in summaries},
        )

    def flows(self, client: Callable[..., Any]) -> Flows:
        """The flows on its tables and buckets."""
        environment = {
            "ACCOUNTS_TABLE": self.outputs["AccountsTable"],
            "REWARDS_TABLE": self.outputs["RewardsTable"],
            "JOBS_TABLE": self.outputs["JobsTable"],
            "FILES_BUCKET": self.outputs["FilesBucket"],
            "FINISH_QUEUE_URL": self.resources["FinishQueue"],
            "VALIDATE_FUNCTION": self.resources["ValidateFunction"],
            "AUDIT_LOG_GROUP": self.resources["AuditLogGroup"],
        }
        used = settings.load(Settings, environment, only=[each.lower() for each in environment])
        return Flows(used, client=client)
