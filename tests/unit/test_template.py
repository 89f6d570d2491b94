"""The template and the code agree."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from rewards.adapters.metrics import NAMESPACE, Metric
from rewards.bootstrap import Flows, Settings
from rewards.domain.import_job import STALLED_AFTER
from rewards.flows import leases
from rewards.settings import load
from tests.simulation.world import World

ROOT = Path(__file__).parents[2]


class Loader(yaml.SafeLoader):
    """Reads the intrinsic functions of CloudFormation as their arguments."""


Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_object(as_plain(node), deep=True))


def as_plain(node):
    tag = {"scalar": "str", "sequence": "seq", "mapping": "map"}[node.id]
    return type(node)(f"tag:yaml.org,2002:{tag}", node.value)


@cache
def template():
    return yaml.load((ROOT / "infra/template.yaml").read_text(), Loader)  # noqa: S506 - a subclass of SafeLoader


def function(name):
    return template()["Resources"][f"{name.title()}Function"]["Properties"]


def needed(name):
    """The settings that a function's source names."""
    path = ROOT / "functions" / name / ("wiring.py" if name == "api" else "app.py")
    (found,) = (
        node.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "NEEDED"
    )
    return eval(compile(ast.Expression(found), str(path), "eval"), {})  # noqa: S307 - a tuple of texts


USED = {
    "validate": ("validation",),
    "redeem": ("chunk_processor",),
    "finish": ("finisher", "chunk_sender", "dead_letters", "misplaced_uploads"),
    "report": ("reporter", "scanner", "overviews"),
    "sweep": ("sweep", "email_problems", "alarm_topic"),
    "api": (
        "exports",
        "imports",
        "reversals",
        "overviews",
        "reward_queries",
        "ledger_commands",
        "files",
        "approvals",
        "uploads",
    ),
}


@pytest.mark.parametrize("name", USED)
def test_a_function_has_the_settings_that_it_needs(name):
    of_all = template()["Globals"]["Function"]["Environment"]["Variables"]
    variables = {**of_all, **function(name)["Environment"]["Variables"]}
    assert {each.upper() for each in needed(name)} <= variables.keys()


@pytest.mark.parametrize("name", USED)
def test_a_function_needs_every_setting_that_its_flows_read(name):
    environment = {each.upper(): "1" for each in needed(name)} | {"APPROVAL_RULE": "never"}
    flows = Flows(load(Settings, environment, only=needed(name)), client=lambda *_: Client())
    for flow in USED[name]:
        assert getattr(flows, flow) is getattr(flows, flow)


def test_every_function_may_write_its_traces():
    """With `Tracing: Active`, Lambda does not create a function whose role may not."""
    resources, settings = template()["Resources"], template()["Globals"]["Function"]
    assert settings["Tracing"] == "Active"
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            role = resources[resource["Properties"]["Role"].removesuffix(".Arn")]["Properties"]
            statements = [
                each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]
            ]
            traces = {
                "Effect": "Allow",
                "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
                "Resource": "*",
            }
            assert traces in statements, resource["Properties"]["Description"]


def test_the_dashboard_shows_metrics_that_the_code_writes():
    body, _ = template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    shown, count = [], 0
    for widget in json.loads(body)["widgets"]:
        before = []
        for line in widget["properties"]["metrics"]:
            places = [each for each in line if isinstance(each, str)]
            if places[0] == "...":  # all but the last ones are those of the line above
                places[:1] = before[: len(before) - len(places) + 1]
            before = [before[n] if place == "." else place for n, place in enumerate(places)]
            count += 1
            if before[0] == NAMESPACE:
                shown.append(before[1:])
    assert {name for name, *_ in shown} == {*Metric}
    for _, *dimensions in shown:
        assert dimensions[:2] == ["Stack", "${AWS::StackName}"]
    assert count <= 50, "a dashboard with more metrics is not free"


def test_the_functions_know_the_stack_that_their_metrics_belong_to():
    assert template()["Globals"]["Function"]["Environment"]["Variables"]["STACK_NAME"] == "AWS::StackName"


def resolved(part, **parameters):
    """A part of the template for parameters that have a value; all others are empty."""
    conditions = {"HasKey": "KmsKeyArn" in parameters, "LogsAccess": "AccessLogBucket" in parameters}
    if isinstance(part, list):
        if len(part) == 3 and isinstance(part[0], str) and part[0] in conditions:
            return resolved(part[1] if conditions[part[0]] else part[2], **parameters)
        items = (resolved(each, **parameters) for each in part)
        return [each for each in items if each != "AWS::NoValue"]
    if isinstance(part, dict):
        items = ((name, resolved(each, **parameters)) for name, each in part.items())
        return {name: each for name, each in items if each != "AWS::NoValue"}
    return parameters.get(part, part) if isinstance(part, str) else part


KEY = "arn:aws:kms:us-east-1:111122223333:key/1"
ENCRYPTED_WITH_THE_KEY = {
    "AWS::DynamoDB::Table": (
        "SSESpecification",
        {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
    ),
    "AWS::SQS::Queue": ("KmsMasterKeyId", KEY),
    "AWS::SNS::Topic": ("KmsMasterKeyId", KEY),
    "AWS::Logs::LogGroup": ("KmsKeyId", KEY),
    "AWS::S3::Bucket": (
        "BucketEncryption",
        {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
                    "BucketKeyEnabled": True,
                }
            ]
        },
    ),
}


def test_a_key_encrypts_all_tables_buckets_queues_topics_and_log_groups():
    for name, resource in resolved(template()["Resources"], KmsKeyArn=KEY).items():
        if resource["Type"] in ENCRYPTED_WITH_THE_KEY:
            attribute, value = ENCRYPTED_WITH_THE_KEY[resource["Type"]]
            assert resource["Properties"][attribute] == value, name
            assert "SqsManagedSseEnabled" not in resource["Properties"], f"{name}: SQS takes one of the two"


def test_without_a_key_keys_of_aws_encrypt():
    resources = resolved(template()["Resources"])
    always = {name: each for name, each in resources.items() if each.get("Condition") != "HasKey"}
    assert "KmsKeyArn" not in json.dumps(always)
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert properties["SSESpecification"] == {"SSEEnabled": True}, name
        if resource["Type"] == "AWS::SQS::Queue":
            assert properties["SqsManagedSseEnabled"] is True, name
        if resource["Type"] == "AWS::S3::Bucket":
            (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}, name


def test_the_roles_that_use_what_the_key_encrypts_may_use_it_through_these_services_only():
    resources = template()["Resources"]
    policy = resources["RolesUseKey"]
    assert policy["Condition"] == "HasKey"
    services = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            statements = [
                each
                for own in resource["Properties"]["Policies"]
                for each in own["PolicyDocument"]["Statement"]
            ]
            services[name] = {
                action.split(":")[0] for each in statements for action in listed(each["Action"])
            }
    encrypted = {"dynamodb", "s3", "sqs"}
    assert policy["Properties"]["Roles"] == [name for name in services if services[name] & encrypted]
    (grant,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (grant["Action"], grant["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], "KmsKeyArn")
    via = grant["Condition"]["StringEquals"]["kms:ViaService"]
    assert {each.split(".")[0] for each in via} == encrypted


def listed(value):
    return [value] if isinstance(value, str) else value


def test_both_buckets_write_access_logs_if_there_is_a_bucket_for_them():
    prefixes = set()
    for parameters in ({}, {"AccessLogBucket": "logs"}):
        for name, resource in resolved(template()["Resources"], **parameters).items():
            if resource["Type"] == "AWS::S3::Bucket":
                logging = resource["Properties"].get("LoggingConfiguration")
                assert bool(logging) is bool(parameters), name
                if logging:
                    assert logging["DestinationBucketName"] == "logs"
                    prefixes.add(logging["LogFilePrefix"])
    assert len(prefixes) == 2


# The functions and queues of work that is done under a lease, by the names of the leases.
LEASED = {
    "CHUNK": ("RedeemFunction", ["RedemptionQueue"]),
    "DEAD_LETTER_CHUNK": ("FinishFunction", ["DeadLetterQueue"]),
    "FINISH": ("FinishFunction", ["FinishQueue", "DeadLetterQueue"]),
    "EXPORT": ("ReportFunction", ["ExportQueue"]),
}


def test_every_lease_is_compared_with_the_template():
    assert {name for name in vars(leases) if name.isupper()} == LEASED.keys()


@pytest.mark.parametrize("name", LEASED)
def test_a_lease_outlives_its_function_by_a_minute(name):
    """Clocks may differ, and a request of a function that timed out may still arrive."""
    holder, _ = LEASED[name]
    timeout = template()["Resources"][holder]["Properties"]["Timeout"]
    assert getattr(leases, name) >= (timeout + 60) * 1000


@pytest.mark.parametrize("name", LEASED)
def test_a_lease_has_expired_when_its_message_comes_again(name):
    resources = template()["Resources"]
    holder, queues = LEASED[name]
    sources = [each["Properties"].get("Queue") for each in resources[holder]["Properties"]["Events"].values()]
    for queue in queues:
        assert f"{queue}.Arn" in sources
        assert resources[queue]["Properties"]["VisibilityTimeout"] * 1000 > getattr(leases, name)


@pytest.mark.parametrize("queue", ["RedemptionQueue", "FinishQueue", "ExportQueue"])
def test_the_dead_letters_of_a_queue_are_hidden_as_long_as_the_longest_lease(queue):
    resources = template()["Resources"]
    dead = resources[queue]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"].removesuffix(".Arn")
    assert resources[dead]["Properties"]["VisibilityTimeout"] * 1000 > max(leases.FINISH, leases.EXPORT)


def event_sources():
    """The properties of each event source of a queue, with those of its function and of its queue."""
    resources = template()["Resources"]
    for resource in resources.values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if event["Type"] == "SQS":
                source = event["Properties"]
                queue = resources[source["Queue"].removesuffix(".Arn")]["Properties"]
                yield source, resource["Properties"], queue


def test_every_queue_has_a_maximum_concurrency_that_fits_a_new_account():
    """Whose functions run 10 at once; AWS takes no maximum below 2. Finishing follows redeeming."""
    limits = {
        source["Queue"].removesuffix(".Arn"): source["ScalingConfig"]["MaximumConcurrency"]
        for source, *_ in event_sources()
    }
    assert limits == {
        "RedemptionQueue": "MaxConcurrency",
        "FinishQueue": "MaxConcurrency",
        "ExportQueue": 2,
        "DeadLetterQueue": 2,
        "ExportDeadLetterQueue": 2,
    }
    assert template()["Parameters"]["MaxConcurrency"]["Default"] + 2 + 2 < 10


def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_run_or_as_long_as_its_lease():
    """AWS advises the first, for throttled pollers; decision 94 says why 90 minutes would be too long."""
    for _, function, queue in event_sources():
        if function["Timeout"] < 900:
            assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
        else:
            assert queue["VisibilityTimeout"] * 1000 > max(leases.FINISH, leases.EXPORT)


def test_an_import_is_shown_as_stalled_only_when_no_function_can_be_at_work():
    resources = template()["Resources"].values()
    functions = [each for each in resources if each["Type"] == "AWS::Serverless::Function"]
    assert max(each["Properties"]["Timeout"] for each in functions) * 1000 < STALLED_AFTER


def test_the_simulation_has_the_time_outs_of_the_template():
    resources = template()["Resources"]
    with World(seed=0) as world:
        for name, simulated in world.functions.items():
            assert simulated.timeout == function(name)["Timeout"] * 1000
            assert simulated.may_loop == (function(name).get("RecursiveLoop") == "Allow")
        for url, simulated in world.sqs.queues.items():
            queue = resources["".join(part.title() for part in url.split("-"))]["Properties"]
            assert simulated.visibility == queue["VisibilityTimeout"] * 1000
            assert simulated.max_receives == queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0)


def test_the_architecture_names_every_lease_as_it_is():
    text = (ROOT / "docs/architecture.md").read_text()
    listed = re.findall(r"^\| lease of .* \| (\d+) s \| `flows/leases` \|$", text, re.MULTILINE)
    assert listed == [str(getattr(leases, name) // 1000) for name in LEASED]


class Client:
    """A client that may be told of hooks, and is asked nothing."""

    class meta:  # noqa: N801 - as boto3 has it
        class events:  # noqa: N801
            @staticmethod
            def register(*_, **__):
                pass
