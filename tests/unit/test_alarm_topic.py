"""Whether somebody receives the alarms."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from rewards.adapters.alarm_topic import AlarmTopic

TOPIC = "arn:aws:sns:us-east-1:111122223333:alarms"
# As AWS lists subscriptions; the local stack confirms those of email addresses itself.
CONFIRMED = {"SubscriptionArn": f"{TOPIC}:1", "Protocol": "email"}
PENDING = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email"}
DELETED = {"SubscriptionArn": "Deleted", "Protocol": "email"}


def topic(pages):
    def paginate(TopicArn):  # noqa: N803 - as boto3 has it
        assert TopicArn == TOPIC
        yield from pages()

    return AlarmTopic(SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate)), TOPIC)


@pytest.mark.parametrize(
    ("pages", "has_recipient"),
    [
        ([[]], False),
        ([[PENDING]], False),
        ([[DELETED]], False),
        ([[PENDING, CONFIRMED]], True),
        ([[PENDING], [CONFIRMED]], True),
    ],
)
def test_a_confirmed_subscription_receives_alarms(pages, has_recipient):
    found = topic(lambda: [{"Subscriptions": page} for page in pages])
    assert found.has_recipient() is has_recipient


def test_a_topic_that_cannot_be_read_is_not_reported():
    def denied():
        raise ClientError({"Error": {"Code": "AuthorizationError"}}, "ListSubscriptionsByTopic")

    assert topic(denied).has_recipient()
