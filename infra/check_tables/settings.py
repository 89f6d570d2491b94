"""The settings of tables, buckets and user pool that the stack does not set if it adopts them.

A restored table has no time to live, no point-in-time recovery and no deletion protection. CloudFormation
sets nothing on a bucket that belongs to no stack. A unit test compares what is wanted here with the template.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from infra.check_tables.findings import Finding, State
from rewards.domain import access

TTL_ATTRIBUTE = "ttl"
KEYS = {
    "AccountsTable": (("pk", "HASH"), ("sk", "RANGE")),
    "RewardsTable": (("id", "HASH"),),
    "JobsTable": (("pk", "HASH"), ("sk", "RANGE")),
}
INDEX = "ByKind"
PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
OWNERSHIP = "BucketOwnerEnforced"
CREATED = "s3:ObjectCreated:*"
TLS_ONLY = "TlsOnly"


def lifecycle(bucket: str, retention_days: int, evidence_days: int) -> list[dict[str, Any]]:
    """The lifecycle rules of the bucket `UploadBucket` or `FilesBucket`."""
    if bucket == "UploadBucket":
        return [
            {
                "ID": "expire-after-retention",
                "Filter": {"Prefix": ""},
                "Status": "Enabled",
                "Expiration": {"Days": retention_days},
                "NoncurrentVersionExpiration": {"NoncurrentDays": retention_days},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }
        ]
    expiring = {
        "expire-exports-after-retention": ("exports/", retention_days),
        "expire-imports-after-retention": ("imports/", retention_days),
        "expire-evidence": ("evidence/", evidence_days),
    }
    return [
        *(
            {"ID": name, "Filter": {"Prefix": prefix}, "Status": "Enabled", "Expiration": {"Days": days}}
            for name, (prefix, days) in expiring.items()
        ),
        {
            "ID": "remove-old-versions",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]


def cors(api_url: str) -> dict[str, Any]:
    """The rule by which the console at this address may upload files."""
    address = urlsplit(api_url)
    return {
        "AllowedMethods": ["POST"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
        "AllowedOrigins": [f"{address.scheme}://{address.netloc}"],
    }


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting: whether it is right, and how to set it; without `enable`, a person has to."""

    subject: str
    problem: str
    is_set: bool
    enable: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Checks what a stack uses. `outputs`, `parameters` and `resources` (physical ids by logical ids) are the
    stack's; `client` gives the client of an AWS service."""

    client: Callable[[str], Any]
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    resources: Mapping[str, str]

    def check(self, repair: bool) -> Iterator[Finding]:
        """Yield what is missing; with `repair`, after it was enabled."""
        for setting in (*self._tables(), *self._buckets(), *self._user_pool()):
            if setting.is_set:
                continue
            state = State.DECIDE if setting.enable is None else State.REPAIR
            if repair and setting.enable is not None:
                setting.enable()
                state = State.REPAIRED
            yield Finding(state, setting.subject, setting.problem)

    # --- Tables ---

    def _tables(self) -> Iterator[_Setting]:
        dynamodb = self.client("dynamodb")
        for table, keys in KEYS.items():
            name = self.outputs[table]
            subject = f"{table} {name}"
            found = dynamodb.describe_table(TableName=name)["Table"]
            schema = tuple((each["AttributeName"], each["KeyType"]) for each in found["KeySchema"])
            indexes = [each["IndexName"] for each in found.get("GlobalSecondaryIndexes", ())]
            is_right = schema == keys and (table != "JobsTable" or INDEX in indexes)
            yield _Setting(subject, "it has other keys or indexes than this table needs", is_right)
            yield _Setting(
                subject,
                "deletion protection is off",
                found.get("DeletionProtectionEnabled", False),
                partial(dynamodb.update_table, TableName=name, DeletionProtectionEnabled=True),
            )
            backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
            recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
            yield _Setting(
                subject,
                "point-in-time recovery is off",
                recovery == "ENABLED",
                partial(
                    dynamodb.update_continuous_backups,
                    TableName=name,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
                ),
            )
            if table == "JobsTable":
                ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
                is_on = ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
                yield _Setting(
                    subject,
                    f"items do not expire by {TTL_ATTRIBUTE}",
                    is_on and ttl.get("AttributeName") == TTL_ATTRIBUTE,
                    partial(
                        dynamodb.update_time_to_live,
                        TableName=name,
                        TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE},
                    ),
                )

    # --- Buckets ---

    def _buckets(self) -> Iterator[_Setting]:
        days = int(self.parameters["RetentionDays"]), int(self.parameters["EvidenceDays"])
        for bucket in ("UploadBucket", "FilesBucket"):
            yield from self._bucket(f"{bucket} {self.outputs[bucket]}", self.outputs[bucket])
            yield self._lifecycle(bucket, lifecycle(bucket, *days))
        yield self._cors()
        yield self._notification()

    def _bucket(self, subject: str, name: str) -> Iterator[_Setting]:
        s3 = self.client("s3")
        blocked = _found(s3.get_public_access_block, name).get("PublicAccessBlockConfiguration", {})
        yield _Setting(
            subject,
            "public access is not blocked",
            PUBLIC_ACCESS.items() <= blocked.items(),
            lambda: s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=PUBLIC_ACCESS),
        )
        owned = _found(s3.get_bucket_ownership_controls, name).get("OwnershipControls", {"Rules": []})
        yield _Setting(
            subject,
            "access control lists are not disabled",
            {"ObjectOwnership": OWNERSHIP} in owned["Rules"],
            lambda: s3.put_bucket_ownership_controls(
                Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": OWNERSHIP}]}
            ),
        )
        yield _Setting(
            subject,
            "objects have no versions",
            s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled",
            lambda: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"}),
        )
        policy = json.loads(_found(s3.get_bucket_policy, name).get("Policy", '{"Statement": []}'))
        # AWS accepts a single statement without a list.
        found = policy["Statement"]
        statements = [found] if isinstance(found, dict) else found
        others = [each for each in statements if each.get("Sid") != TLS_ONLY]
        arn = f"{s3_arn(self.client('sts'))}{name}"
        wanted = {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        text = json.dumps({"Version": "2012-10-17", "Statement": [*others, wanted]})
        yield _Setting(
            subject,
            "requests without TLS are not denied",
            len(others) < len(statements),
            lambda: s3.put_bucket_policy(Bucket=name, Policy=text),
        )

    def _lifecycle(self, bucket: str, wanted: list[dict[str, Any]]) -> _Setting:
        s3, name = self.client("s3"), self.outputs[bucket]
        rules = _found(s3.get_bucket_lifecycle_configuration, name).get("Rules", [])
        known = [_as_filter(each) for each in rules]
        others = [each for each in rules if each.get("ID") not in {rule["ID"] for rule in wanted}]
        return _Setting(
            f"{bucket} {name}",
            "the lifecycle rules of the stack are missing, so old files are never deleted, or too early",
            all(rule in known for rule in wanted),
            lambda: s3.put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": [*others, *wanted]}
            ),
        )

    def _cors(self) -> _Setting:
        s3, name = self.client("s3"), self.outputs["UploadBucket"]
        wanted = cors(self.outputs["ApiUrl"])
        rules = _found(s3.get_bucket_cors, name).get("CORSRules", [])
        return _Setting(
            f"UploadBucket {name}",
            f"the console at {wanted['AllowedOrigins'][0]} may not upload",
            any(wanted.items() <= rule.items() for rule in rules),
            lambda: s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [*rules, wanted]}),
        )

    def _notification(self) -> _Setting:
        """Uploads have to start this stack's function. It replaces the function of another stack, because a
        bucket can have only one for them."""
        s3, name = self.client("s3"), self.outputs["UploadBucket"]
        function = self.client("lambda").get_function(FunctionName=self.resources["ValidateFunction"])
        arn = function["Configuration"]["FunctionArn"]
        found = s3.get_bucket_notification_configuration(Bucket=name)
        found.pop("ResponseMetadata", None)
        functions = found.get("LambdaFunctionConfigurations", [])
        others = [
            each
            for each in functions
            if not any(event.startswith("s3:ObjectCreated:") for event in each["Events"])
        ]
        wanted = {"LambdaFunctionArn": arn, "Events": [CREATED]}
        return _Setting(
            f"UploadBucket {name}",
            "uploads do not start this stack's ValidateFunction",
            any(wanted.items() <= each.items() for each in functions),
            lambda: s3.put_bucket_notification_configuration(
                Bucket=name,
                NotificationConfiguration={**found, "LambdaFunctionConfigurations": [*others, wanted]},
            ),
        )

    # --- User pool ---

    def _user_pool(self) -> Iterator[_Setting]:
        cognito, pool = self.client("cognito-idp"), self.outputs["UserPoolId"]
        pages = cognito.get_paginator("list_groups").paginate(UserPoolId=pool)
        known = {each["GroupName"] for page in pages for each in page["Groups"]}
        for group in access.GROUPS:
            yield _Setting(
                f"user pool {pool}",
                f"the group {group} does not exist",
                group in known,
                partial(cognito.create_group, UserPoolId=pool, GroupName=group),
            )


def s3_arn(sts: Any) -> str:
    """What the ARN of a bucket starts with, in the partition of the account."""
    partition = sts.get_caller_identity()["Arn"].split(":")[1]
    return f"arn:{partition}:s3:::"


def _found(read: Callable[..., Any], bucket: str) -> Any:
    """A setting of a bucket, or an empty one if there is none."""
    try:
        return read(Bucket=bucket)
    except ClientError as error:
        # A setting that is missing has a code of its own, such as NoSuchLifecycleConfiguration.
        is_missing = error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        if not is_missing or error.response["Error"]["Code"] == "NoSuchBucket":
            raise
        return {}


def _as_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule with its prefix in a filter, as S3 may also return it without one."""
    known = {name: value for name, value in rule.items() if name != "Prefix"}
    prefix = rule.get("Prefix", rule.get("Filter", {}).get("Prefix", ""))
    return {**known, "Filter": {"Prefix": prefix}} if set(rule.get("Filter", {})) <= {"Prefix"} else known
