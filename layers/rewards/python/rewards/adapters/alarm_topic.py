"""The SNS topic that the alarms are sent to."""

import logging
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)


class AlarmTopic:
    """Knows whether somebody receives what is sent to the topic. `client` is one of SNS."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def has_recipient(self) -> bool:
        """Whether a subscription is confirmed. A topic that cannot be read, such as one of another account,
        counts as if it had one, so that no alarm is raised by mistake."""
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._arn)
        try:
            # An unconfirmed subscription has the word PendingConfirmation in place of an ARN.
            return any(
                each["SubscriptionArn"].startswith("arn:") for page in pages for each in page["Subscriptions"]
            )
        except (ClientError, BotoCoreError) as error:
            logger.info("alarm topic not read", extra={"reason": type(error).__name__})
            return True
