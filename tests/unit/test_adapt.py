"""The copy of the template that the local stack deploys."""

from infra.local.adapt import adapted

TEMPLATE = {
    "Rules": {"DomainNeedsCertificate": {}},
    "Resources": {
        "Redeem": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Events": [{"ScalingConfig": {"MaximumConcurrency": {"Ref": "MaxConcurrency"}}}]},
        },
        "OneMetric": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
        "SeveralMetrics": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}},
    },
}


def test_the_concurrency_is_a_number():
    properties = adapted(TEMPLATE, {"MaxConcurrency": "7"})["Resources"]["Redeem"]["Properties"]
    assert properties == {"Events": [{"ScalingConfig": {"MaximumConcurrency": 7}}]}


def test_alarms_over_several_metrics_and_rules_are_left_out():
    copy = adapted(TEMPLATE, {"MaxConcurrency": "7"})
    assert [*copy["Resources"]] == ["Redeem", "OneMetric"]
    assert [*copy] == ["Resources"]


def test_the_template_itself_stays_as_it_is():
    adapted(TEMPLATE, {"MaxConcurrency": "7"})
    assert [*TEMPLATE["Resources"]] == ["Redeem", "OneMetric", "SeveralMetrics"]
