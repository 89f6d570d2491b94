"""What check-tables wants of a table, a bucket and a user pool is what the template sets."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from infra.check_tables import settings
from infra.check_tables.findings import State
from infra.check_tables.settings import StackSettings
from rewards.domain import access
from tests.unit.test_template import template


def properties(name):
    return template()["Resources"][name]["Properties"]


@pytest.mark.parametrize("table", settings.KEYS)
def test_tables_have_the_keys_and_settings_of_the_template(table):
    wanted = properties(table)
    keys = tuple((each["AttributeName"], each["KeyType"]) for each in wanted["KeySchema"])
    assert keys == settings.KEYS[table]
    assert wanted["DeletionProtectionEnabled"]
    assert wanted["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert (
        ("TimeToLiveSpecification" in wanted)
        == ("GlobalSecondaryIndexes" in wanted)
        == (table == "JobsTable")
    )


def test_jobs_expire_and_have_their_index_as_in_the_template():
    wanted = properties("JobsTable")
    assert wanted["TimeToLiveSpecification"] == {"AttributeName": settings.TTL_ATTRIBUTE, "Enabled": True}
    assert [each["IndexName"] for each in wanted["GlobalSecondaryIndexes"]] == [settings.INDEX]


@pytest.mark.parametrize("bucket", ["UploadBucket", "FilesBucket"])
def test_buckets_have_the_settings_of_the_template(bucket):
    wanted = properties(bucket)
    assert wanted["PublicAccessBlockConfiguration"] == settings.PUBLIC_ACCESS
    assert wanted["OwnershipControls"] == {"Rules": [{"ObjectOwnership": settings.OWNERSHIP}]}
    assert wanted["VersioningConfiguration"] == {"Status": "Enabled"}
    (statement,) = properties(f"{bucket}Policy")["PolicyDocument"]["Statement"]
    assert statement["Sid"] == settings.TLS_ONLY
    rules = [api_rule(each) for each in wanted["LifecycleConfiguration"]["Rules"]]
    assert rules == settings.lifecycle(bucket, "RetentionDays", "EvidenceDays")


def api_rule(rule):
    """A lifecycle rule of CloudFormation in the form of S3's API."""
    renamed = {"ID": rule["Id"], "Filter": {"Prefix": rule.get("Prefix", "")}, "Status": rule["Status"]}
    if "ExpirationInDays" in rule:
        renamed["Expiration"] = {"Days": rule["ExpirationInDays"]}
    return {**renamed, **{name: value for name, value in rule.items() if isinstance(value, dict)}}


def test_the_console_may_upload_as_in_the_template():
    (rule,) = properties("UploadBucket")["CorsConfiguration"]["CorsRules"]
    wanted = settings.cors("https://a.example.com/path")
    assert wanted == {
        "AllowedMethods": rule["AllowedMethods"],
        "AllowedHeaders": rule["AllowedHeaders"],
        "MaxAgeSeconds": rule["MaxAge"],
        "AllowedOrigins": ["https://a.example.com"],
    }


def test_uploads_and_groups_are_those_of_the_template():
    assert properties("ValidateFunction")["Events"]["Uploads"]["Properties"]["Events"] == settings.CREATED
    groups = [
        each["Properties"]["GroupName"]
        for each in template()["Resources"].values()
        if each["Type"] == "AWS::Cognito::UserPoolGroup"
    ]
    assert sorted(groups) == sorted(access.GROUPS)


class Service:
    """Every service in one: what it is asked to change is kept, and settings are missing."""

    def __init__(self, **answers):
        self.answers, self.changes = answers, []

    def __getattr__(self, name):
        def call(**arguments):
            if name in self.answers:
                return self.answers[name]
            if name.startswith("get_"):
                missing = {"Error": {"Code": "NoSuchThing"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
                raise ClientError(missing, name)
            return self.changes.append((name, arguments))

        return call

    def get_paginator(self, _):
        return SimpleNamespace(paginate=lambda **_: [{"Groups": []}])


def service(**answers):
    return Service(
        describe_table={"Table": {"KeySchema": [], "DeletionProtectionEnabled": True}},
        describe_continuous_backups={"ContinuousBackupsDescription": {}},
        describe_time_to_live={"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
        get_caller_identity={"Arn": "arn:aws:iam::1:user/a"},
        get_function={"Configuration": {"FunctionArn": "arn:validate"}},
        get_bucket_versioning={},
        **{"get_bucket_notification_configuration": {}, **answers},
    )


def check(service, repair):
    stack = StackSettings(
        lambda _: service,
        dict.fromkeys((*settings.KEYS, "UploadBucket", "FilesBucket", "UserPoolId"), "x")
        | {"ApiUrl": "https://api.example.com/x"},
        {"RetentionDays": "30", "EvidenceDays": "400"},
        {"ValidateFunction": "validate"},
    )
    return list(stack.check(repair))


def test_nothing_is_changed_without_repair():
    asked = service()
    found = check(asked, repair=False)
    assert {each.state for each in found} == {State.REPAIR, State.DECIDE}
    assert not asked.changes


def test_everything_but_wrong_keys_is_repaired():
    asked = service()
    found = check(asked, repair=True)
    decide = [each for each in found if each.state is State.DECIDE]
    assert len(decide) == 3  # the keys of each table
    assert len(asked.changes) == len(found) - 3
    names = [name for name, _ in asked.changes]
    assert names.count("update_continuous_backups") == 3
    assert names.count("update_time_to_live") == 1
    assert names.count("put_bucket_policy") == 2


def test_uploads_of_an_earlier_stack_are_taken_over_and_other_notifications_stay():
    earlier = {"LambdaFunctionArn": "arn:old", "Events": ["s3:ObjectCreated:*"]}
    other = {"LambdaFunctionArn": "arn:other", "Events": ["s3:ObjectRemoved:*"]}
    found = {"LambdaFunctionConfigurations": [earlier, other], "EventBridgeConfiguration": {}}
    asked = service(get_bucket_notification_configuration=found)
    check(asked, repair=True)
    (change,) = [values for name, values in asked.changes if name == "put_bucket_notification_configuration"]
    assert change["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {},
        "LambdaFunctionConfigurations": [
            other,
            {"LambdaFunctionArn": "arn:validate", "Events": ["s3:ObjectCreated:*"]},
        ],
    }


def test_other_statements_and_rules_of_a_bucket_stay():
    policy = {"Policy": '{"Statement": [{"Sid": "Mine"}]}'}
    rules = {"Rules": [{"ID": "mine", "Status": "Enabled", "Filter": {"Tag": {"Key": "a", "Value": "b"}}}]}
    asked = service(get_bucket_policy=policy, get_bucket_lifecycle_configuration=rules)
    check(asked, repair=True)
    changes = dict(asked.changes)
    assert '"Sid": "Mine"' in changes["put_bucket_policy"]["Policy"]
    assert (
        changes["put_bucket_lifecycle_configuration"]["LifecycleConfiguration"]["Rules"][0]
        == rules["Rules"][0]
    )


def test_a_bucket_policy_with_a_single_statement_is_read_and_kept():
    asked = service(get_bucket_policy={"Policy": '{"Statement": {"Sid": "Mine"}}'})
    check(asked, repair=True)
    statements = json.loads(dict(asked.changes)["put_bucket_policy"]["Policy"])["Statement"]
    assert [each["Sid"] for each in statements] == ["Mine", settings.TLS_ONLY]


def test_other_cors_rules_of_a_bucket_stay():
    other = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://other.example.com"]}
    asked = service(get_bucket_cors={"CORSRules": [other]})
    check(asked, repair=True)
    rules = dict(asked.changes)["put_bucket_cors"]["CORSConfiguration"]["CORSRules"]
    assert rules == [other, settings.cors("https://api.example.com")]


def test_an_error_that_is_not_a_missing_setting_is_raised():
    def denied(**_):
        raise ClientError(
            {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "x"
        )

    asked = service()
    asked.get_public_access_block = denied
    with pytest.raises(ClientError, match="AccessDenied"):
        check(asked, repair=True)
