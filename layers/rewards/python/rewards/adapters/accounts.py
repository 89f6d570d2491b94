"""The table `Accounts`: balances, participants and history, an account a partition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from rewards.adapters import balance_item
from rewards.adapters.batch_get import Item, batch_get
from rewards.adapters.errors import CONDITIONS, THROTTLES, ConditionFailedError, ThrottledError, translated
from rewards.adapters.retry import Backoff
from rewards.rules.balance import CLOCK_MARGIN, Balance, Page, Redemption, archive
from rewards.rules.reward_rows import PARTICIPANT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BalanceKey = tuple[str, str, str]  # account, user, unit

# DynamoDB's limits: statements of a BatchExecuteStatement, actions of a transaction.
_STATEMENTS = 25
_ACTIONS = 100
MAX_GRANTS = _ACTIONS - 2  # a transaction also writes the balance and perhaps a history page

# When a balance with this many bytes to move is above one write unit, history takes them.
_WORTH_A_PAGE = 300
_SPILL = 4  # ... and at least a quarter of the item, so that large balances do not move often


class Written(Enum):
    """What became of one conditional write."""

    DONE = auto()
    LOST = auto()  # somebody else was faster: read again, decide again
    THROTTLED = auto()  # nothing was written: wait, then the same as LOST


class Accounts:
    """Reads and writes balances. A write succeeds only if the balance has not moved since it was read."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._update = (
            f'UPDATE "{table}" SET "rewards"=? SET "redemptions"=? SET "version"=? '
            'WHERE "pk"=? AND "sk"=? AND "version"=?'
        )

    def read(self, keys: Iterable[BalanceKey], backoff: Backoff) -> dict[BalanceKey, Balance]:
        """The balances that exist, as they are now (strongly consistent)."""
        found = {}
        for item in self._get(
            [(account, balance_item.balance_key(user, unit)) for account, user, unit in keys], backoff
        ):
            balance = balance_item.decode(item)
            found[balance.account_id, balance.user_id, balance.unit] = balance
        return found

    def units_of(self, account_id: str, user_id: str) -> list[str]:
        """The units in which a participant has a balance, however small."""
        prefix = balance_item.balance_key(user_id, "")
        items = self._query(account_id, prefix, ProjectionExpression="sk")
        return [balance_item.split_balance_key(item["sk"]["S"])[1] for item in items]

    def history(self, balance: Balance, since: int) -> list[Redemption]:
        """The balance's redemptions that went to history and were made after `since` (Unix ms)."""
        prefix = balance_item.history_prefix(balance.user_id, balance.unit)
        first = f"{prefix}{max(0, since - CLOCK_MARGIN):013d}"
        pages = self._query(balance.account_id, first, prefix + "~", ProjectionExpression="redemptions")
        return [
            redemption
            for page in pages
            for redemption in balance_item.decode_redemptions(page["redemptions"]["S"])
        ]

    def write(self, balances: Sequence[Balance], now: int) -> list[Written]:
        """Write changed balances, each on condition that nobody else did since it was read.

        Returns what became of each, in their order. Each balance stands there once only.
        """
        results: list[Written] = [Written.THROTTLED] * len(balances)
        light = []
        for place, balance in enumerate(balances):
            page = _page_for(balance, now)
            if page is None:
                light.append(place)
            else:
                results[place] = self._transact(balance, page, [])
        for start in range(0, len(light), _STATEMENTS):
            places = light[start : start + _STATEMENTS]
            statements = [self._statement(balances[place]) for place in places]
            for place, written in zip(places, self._execute(statements), strict=True):
                results[place] = written
        return results

    def write_granted(self, balance: Balance, claims: Sequence[Any], now: int) -> Written:
        """Write a balance with its new rewards, and claim the rewards' ids, all or nothing.

        `claims` are the catalogue's actions, at most MAX_GRANTS. LOST also when an id is taken by now.
        """
        return self._transact(balance, _page_for(balance, now), list(claims))

    def read_participants(
        self, keys: Iterable[tuple[str, str]], backoff: Backoff
    ) -> dict[tuple[str, str], Mapping[str, str]]:
        """What is known of participants, by (account, user)."""
        pairs = [(account, balance_item.participant_key(user)) for account, user in keys]
        return {
            (item["pk"]["S"], item["sk"]["S"][len(balance_item.PARTICIPANT) :]): _participant(item)
            for item in self._get(pairs, backoff)
        }

    def write_participant(self, account_id: str, user_id: str, facts: Mapping[str, str]) -> None:
        """Replace what is known of a participant."""
        item: dict[str, Any] = {"pk": {"S": account_id}, "sk": {"S": balance_item.participant_key(user_id)}}
        item.update({name: {"S": text} for name, text in facts.items() if text})
        with translated():
            self._client.put_item(TableName=self._table, Item=item)

    def scan(self, segments: int = 4) -> Iterator[Balance | tuple[str, str, Mapping[str, str]]]:
        """Every balance, and every participant as (account, user, facts), in no order."""
        with ThreadPoolExecutor(segments) as pool:
            waiting = {
                segment: pool.submit(self._scan_page, segment, segments, None) for segment in range(segments)
            }
            while waiting:
                for segment in list(waiting):
                    response = waiting.pop(segment).result()
                    if "LastEvaluatedKey" in response:
                        key = response["LastEvaluatedKey"]
                        waiting[segment] = pool.submit(self._scan_page, segment, segments, key)
                    for item in response["Items"]:
                        kind = item["sk"]["S"][:2]
                        if kind == balance_item.BALANCE:
                            yield balance_item.decode(item)
                        elif kind == balance_item.PARTICIPANT:
                            yield item["pk"]["S"], item["sk"]["S"][2:], _participant(item)

    def _scan_page(self, segment: int, segments: int, start: Any) -> Any:
        more = {"ExclusiveStartKey": start} if start else {}
        return self._client.scan(
            TableName=self._table, Segment=segment, TotalSegments=segments, ConsistentRead=True, **more
        )

    def _get(self, keys: Iterable[tuple[str, str]], backoff: Backoff) -> Iterator[Item]:
        items = ({"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys))
        return batch_get(self._client, self._table, items, backoff)

    def _query(self, account_id: str, first: str, last: str | None = None, **more: Any) -> Iterator[Item]:
        """Items of an account from sort key `first` to `last`, or with the prefix `first`."""
        condition = "sk BETWEEN :first AND :last" if last else "begins_with(sk, :first)"
        values = {":pk": {"S": account_id}, ":first": {"S": first}}
        if last:
            values[":last"] = {"S": last}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=f"pk = :pk AND {condition}",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **more,
        )
        for page in pages:
            yield from page["Items"]  # type: ignore[misc]

    def _statement(self, balance: Balance) -> Any:
        item = balance_item.encode(balance)
        return {
            "Statement": self._update,
            "Parameters": [
                item["rewards"],
                item.get("redemptions", {"S": "[]"}),
                {"N": str(balance.version + 1)},
                {"S": balance.account_id},
                {"S": balance_item.balance_key(balance.user_id, balance.unit)},
                {"N": str(balance.version)},
            ],
        }

    def _execute(self, statements: list[Any]) -> list[Written]:
        try:
            with translated():
                response = self._client.batch_execute_statement(Statements=statements)
        except ThrottledError:
            return [Written.THROTTLED] * len(statements)
        return [_written(answer.get("Error")) for answer in response["Responses"]]

    def _transact(self, balance: Balance, page: Page | None, actions: list[Any]) -> Written:
        """Write a balance, whatever of it goes to history, and other puts: all or nothing."""
        version = balance.version + 1
        item: dict[str, Any] = {
            "pk": {"S": balance.account_id},
            "sk": {"S": balance_item.balance_key(balance.user_id, balance.unit)},
            "version": {"N": str(version)},
            **balance_item.encode(balance),
        }
        put: dict[str, Any] = {"TableName": self._table, "Item": item}
        if balance.version:
            put["ConditionExpression"] = "version = :v"
            put["ExpressionAttributeValues"] = {":v": {"N": str(balance.version)}}
        else:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        actions.append({"Put": put})
        if page is not None:
            history = {
                "pk": {"S": balance.account_id},
                "sk": {"S": balance_item.history_key(balance, version)},
                **balance_item.encode_page(page),
            }
            actions.append({"Put": {"TableName": self._table, "Item": history}})
        try:
            with translated():
                self._client.transact_write_items(TransactItems=actions)
        except ConditionFailedError:
            return Written.LOST
        except ThrottledError:
            return Written.THROTTLED
        return Written.DONE


def _page_for(balance: Balance, now: int) -> Page | None:
    """What should go to history with this write: nothing while the item is small or little can go."""
    size = balance_item.item_bytes(balance_item.encode(balance)) + 100
    if size <= 1024:
        return None
    copy = Balance(
        balance.account_id,
        balance.user_id,
        balance.unit,
        rewards=balance.rewards,
        redemptions=balance.redemptions,
    )
    page = archive(copy, now)
    if page is None or balance_item.item_bytes(balance_item.encode_page(page)) < max(
        _WORTH_A_PAGE, size // _SPILL
    ):
        return None
    return archive(balance, now)


def _written(error: Any) -> Written:
    if error is None:
        return Written.DONE
    code = error.get("Code", "")
    if code in CONDITIONS:
        return Written.LOST
    if code in THROTTLES or code == "TransactionConflict":
        return Written.THROTTLED
    raise RuntimeError(f"DynamoDB refused a write: {code}: {error.get('Message')}")


def _participant(item: Item) -> Mapping[str, str]:
    return {name: item[name]["S"] for name in PARTICIPANT if name in item}
