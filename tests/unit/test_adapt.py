"""The copy of the template that the local stack deploys."""

from infra.local.adapt import adapted

ENDPOINT = "https://127.0.0.1:4566"
TEMPLATE = {
    "Rules": {"DomainNeedsCertificate": {}},
    "Resources": {
        "Redeem": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Events": [{"ScalingConfig": {"MaximumConcurrency": {"Ref": "MaxConcurrency"}}}]},
        },
        "Finish": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Events": [{"ScalingConfig": {"MaximumConcurrency": 2}}]},
        },
        "Authorizer": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Environment": {"Variables": {"JWKS_URL": {"Fn::Sub": "https://cognito"}, "A": "a"}}
            },
        },
        "OneMetric": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
        "SeveralMetrics": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}},
    },
}


def test_the_concurrency_is_a_number():
    properties = adapted(TEMPLATE, 7, ENDPOINT)["Resources"]["Redeem"]["Properties"]
    assert properties == {"Events": [{"ScalingConfig": {"MaximumConcurrency": 7}}]}


def test_a_number_in_the_template_stays():
    properties = adapted(TEMPLATE, 7, ENDPOINT)["Resources"]["Finish"]["Properties"]
    assert properties == TEMPLATE["Resources"]["Finish"]["Properties"]


def test_the_pools_keys_are_at_the_local_address():
    properties = adapted(TEMPLATE, 7, ENDPOINT)["Resources"]["Authorizer"]["Properties"]
    pool = {"Fn::If": ["CreatesUserPool", {"Ref": "UserPool"}, {"Ref": "ExistingUserPoolId"}]}
    keys = {"Fn::Sub": [f"{ENDPOINT}/${{UserPool}}/.well-known/jwks.json", {"UserPool": pool}]}
    assert properties["Environment"]["Variables"] == {"JWKS_URL": keys, "A": "a"}


def test_alarms_over_several_metrics_and_rules_are_left_out():
    copy = adapted(TEMPLATE, 7, ENDPOINT)
    assert [*copy["Resources"]] == ["Redeem", "Finish", "Authorizer", "OneMetric"]
    assert [*copy] == ["Resources"]


def test_the_template_itself_stays_as_it_is():
    adapted(TEMPLATE, 7, ENDPOINT)
    assert [*TEMPLATE["Resources"]] == ["Redeem", "Finish", "Authorizer", "OneMetric", "SeveralMetrics"]
