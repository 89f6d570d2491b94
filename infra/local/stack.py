"""The very template, deployed on this machine.

    with stack.start() as local:
        local.aws.client("s3").upload_file("balances.csv", local.upload_bucket, "redemptions/balances.csv")

For one that stays, to use by hand, see __main__.py.
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.local.adapt import adapted
from infra.local.iam import allow_ministacks_own_actions
from infra.local.ministack import ROOT, MiniStack
from infra.local.package import package
from infra.local.users import Users

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

BUILD = ROOT / ".build" / "local" / "stack"
NAME = "rewards"
ARTIFACTS_BUCKET = "artifacts"
TEMPLATE = "template.json"
PARAMETERS = {
    "SenderEmail": "rewards@example.com",
    "NotificationEmail": "operators@example.com",
    "MaxConcurrency": "5",  # more workers than cores only queue up
}
DEPLOY_SECONDS = 60.0


class DeploymentError(Exception):
    """The stack did not get ready; the message names the resources that failed, and why."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack, and the MiniStack under it, which ends with it."""

    aws: MiniStack
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: Mapping[str, str]  # physical ids by logical id: resources["JobsTable"] is that table's name
    api_key: str

    def __enter__(self) -> "Stack":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.aws.stop()

    @property
    def api(self) -> str:
        """What the paths of the REST API start with."""
        return f"{self.outputs['ApiUrl']}/api/v1/{self.parameters['TenantAlias']}"

    @property
    def upload_bucket(self) -> str:
        return self.outputs["UploadBucket"]

    @property
    def files_bucket(self) -> str:
        return self.outputs["FilesBucket"]

    @property
    def users(self) -> Users:
        return Users(self.aws, self.outputs["UserPoolId"], self.outputs["UserPoolClientId"])

    def token(self, role: str) -> str:
        """The id token of somebody who has this role, one of users.GROUPS, and signs in now."""
        return self.users.sign_in(self.users.somebody(role)).id

    def hasten_redelivery(self, seconds: int = 1, queues: Collection[str] = ()) -> None:
        """Let failed messages come back at once: a chunk needs an hour to its dead letter otherwise.

        `queues` are names of the template; without them it is all. Only for tests of failures; a function
        that takes longer gets its message a second time.
        """
        sqs = self.aws.client("sqs")
        for name, url in self.resources.items():
            if name in queues or (not queues and name.endswith("Queue")):
                sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})


def start(
    build: Path = BUILD,
    parameters: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
    enforce_iam: bool = False,
) -> Stack:
    """Start a MiniStack and deploy what `sam build` left in `build`; end it if that fails.

    `parameters` override the template's, `environment` adds switches of MiniStack's own. With `enforce_iam`
    the functions may do what their roles in the template allow, and nothing else; everything then speaks
    https, because the buckets reject anything else.
    """
    switches = {"AUTH": "true", "USE_SSL": "1"} if enforce_iam else {}
    aws = MiniStack.start(home, {**switches, **(environment or {})})
    try:
        aws.client("s3").create_bucket(Bucket=ARTIFACTS_BUCKET)
        stack = deploy(aws, build, parameters)
        if enforce_iam:
            roles = [physical for logical, physical in stack.resources.items() if logical.endswith("Role")]
            allow_ministacks_own_actions(aws, roles)
        return stack
    except BaseException:
        aws.stop()
        raise


def deploy(
    aws: MiniStack, build: Path = BUILD, parameters: Mapping[str, str] | None = None, name: str = NAME
) -> Stack:
    """Create the stack, or bring it up to date with the build.

    The links in emails must work here, but MiniStack's own address of the API needs a resolver for
    *.localhost. So the template gets the other address as PublicUrl, the way it would get a domain name,
    and a tag on the stack, which CloudFormation hands on to the API, makes it known beforehand.
    """
    cloudformation = aws.client("cloudformation")
    change = cloudformation.update_stack if _describe(cloudformation, name) else cloudformation.create_stack
    public_url = f"{aws.endpoint}/_aws/execute-api/{name}"
    values = {**PARAMETERS, "PublicUrl": public_url, **(parameters or {})}
    template_parameters: list[ParameterTypeDef] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
    ]
    s3 = aws.client("s3")
    template = adapted(package(build, s3, ARTIFACTS_BUCKET), int(values["MaxConcurrency"]), aws.endpoint)
    # As `sam deploy` does: CloudFormation takes templates beyond 51,200 bytes only from a bucket.
    s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=TEMPLATE, Body=json.dumps(template).encode())
    try:
        change(
            StackName=name,
            TemplateURL=f"{aws.endpoint}/{ARTIFACTS_BUCKET}/{TEMPLATE}",
            Parameters=template_parameters,
            Tags=[{"Key": "ms-custom-id", "Value": name}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentError(str(error)) from error
    _wait_until_complete(cloudformation, name)
    return inspect(aws, name)


def inspect(aws: MiniStack, name: str = NAME) -> Stack:
    """What is deployed there."""
    cloudformation = aws.client("cloudformation")
    described = _describe(cloudformation, name)
    if described is None:
        raise DeploymentError(f"there is no stack named {name}")
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = {
        summary["LogicalResourceId"]: summary["PhysicalResourceId"]
        for page in pages
        for summary in page["StackResourceSummaries"]
    }
    secret = aws.client("secretsmanager").get_secret_value(SecretId=outputs["ApiKeySecret"])
    return Stack(aws, parameters, outputs, resources, secret["SecretString"])


def _describe(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:  # CloudFormation's way to say that there is none
        return None


def _wait_until_complete(cloudformation: "CloudFormationClient", name: str) -> None:
    deadline = time.monotonic() + DEPLOY_SECONDS
    status = ""
    while time.monotonic() < deadline:
        described = _describe(cloudformation, name)
        status = described["StackStatus"] if described else "MISSING"
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(0.1)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failures = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED")
        ]
        raise DeploymentError("\n".join([f"the stack is {status}", *failures]))
