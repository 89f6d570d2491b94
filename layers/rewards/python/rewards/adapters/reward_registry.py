"""The table `Rewards`: what is known of each reward for good, by its id.

A grant claims the reward's id here, in one transaction with the balance, so that loading the
same id again changes nothing. Redemption never touches this table.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rewards.adapters.batch_get import batch_get
from rewards.adapters.retry import Backoff
from rewards.domain.balance_key import BalanceKey
from rewards.domain.reward_rows import Grant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a reward is, and which line of which import loaded it; line 0 of `API` if none did.

    `created_by` is who created it by the API. Claims that differ only in names, or in who created the reward,
    are equal.
    """

    account_id: str
    user_id: str
    unit: str
    import_id: str
    line: int
    name: str = field(default="", compare=False)
    reward_source: str = field(default="", compare=False)
    created_by: str = field(default="", compare=False)

    @property
    def balance_key(self) -> BalanceKey:
        """Which balance the reward belongs to."""
        return BalanceKey(self.account_id, self.user_id, self.unit)


def claim_of(grant: Grant, import_id: str, created_by: str = "") -> Claim:
    """The claim that a grant makes."""
    return Claim(*grant.balance_key, import_id, grant.line, grant.name, grant.reward_source, created_by)


class RewardRegistry:
    """Reads reward ids, and says how to claim one."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, reward_ids: Iterable[str], backoff: Backoff) -> dict[str, Claim]:
        """The claims on those of the ids that are taken."""
        keys = ({"id": {"S": reward_id}} for reward_id in dict.fromkeys(reward_ids))
        return {
            item["id"]["S"]: Claim(
                item["accountId"]["S"],
                item["userId"]["S"],
                item["unit"]["S"],
                item["importId"]["S"],
                int(item["line"]["N"]),
                *(item[name]["S"] if name in item else "" for name in ("name", "rewardSource", "createdBy")),
            )
            for item in batch_get(self._client, self._table, keys, backoff)
        }

    def claim(self, grant: Grant, import_id: str, created_by: str = "") -> Any:
        """The transaction's action that claims a reward's id for its participant."""
        item: dict[str, Any] = {
            "id": {"S": grant.reward.id},
            "accountId": {"S": grant.account_id},
            "userId": {"S": grant.user_id},
            "unit": {"S": grant.unit},
            "importId": {"S": import_id},
            "line": {"N": str(grant.line)},
        }
        if grant.name:
            item["name"] = {"S": grant.name}
        if grant.reward_source:
            item["rewardSource"] = {"S": grant.reward_source}
        if created_by:
            item["createdBy"] = {"S": created_by}
        return {
            "Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
        }
