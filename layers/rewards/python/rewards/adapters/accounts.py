"""The table `Accounts`: balances, participants and history, an account a partition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewards.adapters import balance_item
from rewards.adapters.batch_get import Item, batch_get, batch_get_once
from rewards.adapters.errors import (
    CONDITIONS,
    THROTTLES,
    ConditionFailedError,
    ThrottledError,
    TooManyWritesError,
    WriteRejectedError,
    translated,
)
from rewards.adapters.parallel import in_parallel
from rewards.adapters.retry import Backoff, patiently
from rewards.domain.balance import CLOCK_MARGIN, Balance, Page, Redemption, archive, leaving
from rewards.domain.balance_key import BalanceKey
from rewards.domain.reward_rows import PARTICIPANT_FACTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's limits: statements of a BatchExecuteStatement, actions of a transaction.
_STATEMENTS = 25
_ACTIONS = 100
# A transaction of grants also writes the balance, and a history page or what a new balance needs: the claim
# of its unit and a check of its participant.
MAX_GRANTS = _ACTIONS - 3

# When a balance with this many bytes to move is above one write unit, history takes them.
_WORTH_A_PAGE = 300
_SPILL = 4  # ... and at least a quarter of the item, so that large balances do not move often

# DynamoDB takes 4 MB a transaction; this leaves room for keys, expressions and the other actions.
_TRANSACTION_BYTES = 3_500_000

# So often an account is read until its balances and their history are of one moment.
_READS = 5

_TRY_AGAIN = CONDITIONS | THROTTLES | {"TransactionConflict"}


class Accounts:
    """Reads and writes balances. A write succeeds only if the balance has not moved since it was read."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._update = (
            f'UPDATE "{table}" SET "rewards"=? SET "redemptions"=? SET "version"=? SET "updated"=? '
            'WHERE "pk"=? AND "sk"=? AND "version"=?'
        )

    def read(self, keys: Iterable[BalanceKey], backoff: Backoff) -> dict[BalanceKey, Balance]:
        """The balances that exist, as they are now (strongly consistent)."""
        found = {}
        for item in self._get(
            [(key.account_id, balance_item.balance_key(key.user_id, key.unit)) for key in keys], backoff
        ):
            balance = balance_item.decode(item)
            found[balance.key] = balance
        return found

    def read_now(self, keys: Iterable[BalanceKey]) -> tuple[dict[BalanceKey, Balance], set[BalanceKey]]:
        """The balances that exist, as they are now, and the keys that DynamoDB was too busy to read."""
        found, unread = batch_get_once(
            self._client, self._table, [balance_item.key_of(key) for key in dict.fromkeys(keys)]
        )
        balances = map(balance_item.decode, found)
        return {balance.key: balance for balance in balances}, set(map(balance_item.whose, unread))

    def units_of(self, account_id: str, user_id: str, backoff: Backoff) -> list[str]:
        """The units in which a participant has a balance, however small."""
        prefix = balance_item.balance_key(user_id, "")
        items = self._query(account_id, prefix, backoff=backoff, ProjectionExpression="sk")
        return [balance_item.split_balance_key(item["sk"]["S"])[1] for item in items]

    def history(self, balance: Balance, since: int, backoff: Backoff) -> list[Redemption]:
        """The balance's redemptions that went to history and were made after `since` (Unix ms)."""
        prefix = balance_item.history_prefix(balance.user_id, balance.unit)
        first = f"{prefix}{max(0, since - CLOCK_MARGIN):013d}"
        last = prefix + "~"
        pages = self._query(balance.account_id, first, last, backoff, ProjectionExpression="redemptions")
        return [
            redemption
            for page in pages
            for redemption in balance_item.decode_redemptions(page["redemptions"]["S"])
        ]

    def pages(self, balance: Balance, backoff: Backoff) -> dict[str, Page]:
        """All that went to history of a balance, by key."""
        prefix = balance_item.history_prefix(balance.user_id, balance.unit)
        items = self._query(balance.account_id, prefix, backoff=backoff)
        return {item["sk"]["S"]: balance_item.decode_page(item) for item in items}

    def write(self, balances: Sequence[Balance], now: int) -> list[bool]:
        """Write changed balances, each on condition that it was not written since it was read.

        Says of each, in their order, whether it was written. One that was not, because somebody
        else was faster or DynamoDB was too busy, is to be read and decided again. Each balance
        stands there once only. Raises WriteRefusedError for one that will never be written, but
        not before the others are.
        """
        written = [False] * len(balances)
        rejected: list[str] = []
        light: list[tuple[int, Item, int]] = []
        heavy: list[tuple[int, Page]] = []
        for place, balance in enumerate(balances):
            item = _item(balance, now)
            page = _page_for(balance, item, now)
            if page is None:
                light.append((place, item, balance.version))
            else:
                heavy.append((place, page))
        batches = [light[start : start + _STATEMENTS] for start in range(0, len(light), _STATEMENTS)]
        responses = in_parallel(self._execute, batches, _all_throttled)
        for batch, errors in zip(batches, responses, strict=True):
            if errors is None:
                continue  # not sent: the table is full
            for (place, _, _), error in zip(batch, errors, strict=True):
                written[place] = error is None
                if error is not None and error["Code"] not in _TRY_AGAIN:
                    rejected.append(f"{error['Code']}: {error.get('Message')}")
        moved = in_parallel(lambda each: self._transact([(balances[each[0]], each[1])], [], now), heavy)
        for (place, _), done in zip(heavy, moved, strict=True):
            written[place] = bool(done)
        if rejected:
            raise WriteRejectedError("; ".join(rejected))
        return written

    def write_together(self, balances: Sequence[Balance], actions: Sequence[Any], now: int) -> bool:
        """Write changed balances and other puts of a transaction, all or nothing.

        Each balance on condition that it was not written since it was read. False, and nothing
        was written, if one of the conditions failed or DynamoDB was too busy. Raises
        TooManyWritesError for more than one transaction takes, UnknownOutcomeError if no response came.
        """
        items = [_item(balance, now) for balance in balances]
        room = _ACTIONS - len(actions) - len(balances)
        size = sum(map(balance_item.item_bytes, items))
        if room < 0 or size > _TRANSACTION_BYTES:
            most = min(_ACTIONS - len(actions), len(balances) * _TRANSACTION_BYTES // size)
            raise TooManyWritesError(len(balances), most)
        writes = []
        for balance, item in zip(balances, items, strict=True):
            # Without room for its page a balance waits for another write to take it to history.
            page = _page_for(balance, item, now) if room else None
            room -= page is not None
            writes.append((balance, page))
        return self._transact(writes, actions, now)

    def balances_with_history(
        self, account_id: str, user_id: str | None = None, unit: str | None = None
    ) -> list[tuple[Balance, list[Page]]]:
        """An account's balances (of one participant, of one unit) with all of their history.

        A balance and its pages are of one moment. In the order of user and unit.
        """
        for _ in range(_READS):
            with translated():
                found = self._balances_with_history(account_id, user_id, unit)
            # A reward that a reversal took back into its balance in between is on no page any more.
            if all(sum(len(page.rewards) for page in pages) == b.archived.count for b, pages in found):
                return found
        raise ThrottledError("the account changed each time it was read")

    def _balances_with_history(
        self, account_id: str, user_id: str | None, unit: str | None
    ) -> list[tuple[Balance, list[Page]]]:
        balances = {balance.key: balance for balance in self._balances(account_id, user_id, unit)}
        pages: dict[BalanceKey, list[Page]] = {key: [] for key in balances}
        if any(balance.archived.count or balance.archived_until for balance in balances.values()):
            prefix = _prefix(balance_item.HISTORY_PREFIX, user_id, unit)
            for item in self._query(account_id, prefix):
                key, version = balance_item.split_history_key(item["pk"]["S"], item["sk"]["S"])
                balance = balances.get(key)
                # What a later write took to history is still in the balance as we read it.
                if balance is not None and version <= balance.version:
                    pages[key].append(balance_item.decode_page(item))
        return [(balance, pages[key]) for key, balance in sorted(balances.items())]

    def balances(
        self, account_id: str, user_id: str | None, unit: str | None, backoff: Backoff | None = None
    ) -> list[Balance]:
        """An account's balances (of one participant, of one unit), in the order of user and unit."""
        with translated():
            found = self._balances(account_id, user_id, unit, backoff)
        return sorted(found, key=lambda balance: balance.key)

    def _balances(
        self, account_id: str, user_id: str | None, unit: str | None, backoff: Backoff | None = None
    ) -> list[Balance]:
        items = self._query(account_id, _prefix(balance_item.BALANCE_PREFIX, user_id), backoff=backoff)
        found = (balance_item.decode(item) for item in items)
        return [balance for balance in found if unit in (None, balance.unit)]

    def write_with_pages(self, balance: Balance, pages: Mapping[str, Page], now: int) -> bool:
        """Write a balance and changed pages of its history, all or nothing; False as `write` says it.

        Only who writes the balance writes its pages, so its version guards them, too.
        """
        puts = [self._put_page(balance, *each) for each in pages.items()]
        return self._transact([(balance, None)], puts, now)

    def read_participants(
        self, keys: Iterable[tuple[str, str]], backoff: Backoff
    ) -> dict[tuple[str, str], Mapping[str, str]]:
        """What is known of participants, by (account, user)."""
        pairs = [(account, balance_item.participant_key(user)) for account, user in keys]
        return {
            (item["pk"]["S"], item["sk"]["S"][len(balance_item.PARTICIPANT_PREFIX) :]): _participant(item)
            for item in self._get(pairs, backoff)
        }

    def check_participant(self, account_id: str, user_id: str, known: Mapping[str, str]) -> Any:
        """The action that fails if a participant was blocked or unblocked since `known` was read.

        Whatever creates a balance sends it along, so that no balance misses the flag `blocked`.
        """
        blocked = known.get("dateBlocked")
        as_read: Any = {"ConditionExpression": "attribute_not_exists(dateBlocked)"}
        if blocked is not None:
            as_read = {
                "ConditionExpression": "dateBlocked = :read",
                "ExpressionAttributeValues": {":read": {"S": blocked}},
            }
        key = {"pk": {"S": account_id}, "sk": {"S": balance_item.participant_key(user_id)}}
        return {"ConditionCheck": {"TableName": self._table, "Key": key, **as_read}}

    def block(self, balance: Balance, backoff: Backoff) -> bool:
        """Set the flag `blocked` of a balance, unless somebody wrote it since it was read: then False."""
        try:
            patiently(
                self._client.update_item,
                backoff,
                TableName=self._table,
                Key=balance_item.key_of(balance.key),
                UpdateExpression="SET blocked = :yes, version = :next",
                ConditionExpression="version = :read",
                ExpressionAttributeValues={
                    ":yes": {"N": "1"},
                    ":next": {"N": str(balance.version + 1)},
                    ":read": {"N": str(balance.version)},
                },
            )
        except ConditionFailedError:
            return False
        return True

    def write_participant(self, account_id: str, user_id: str, facts: Mapping[str, str]) -> bool:
        """Renew some of what is known of a participant, and leave the rest; False if DynamoDB is too busy."""
        names = {f"#{place}": name for place, name in enumerate(facts)}
        sets = ", ".join(f"#{place} = :{place}" for place in range(len(facts)))
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": account_id}, "sk": {"S": balance_item.participant_key(user_id)}},
                    UpdateExpression=f"SET {sets}",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues={f":{n}": {"S": text} for n, text in enumerate(facts.values())},
                )
        except ThrottledError:
            return False
        return True

    def _get(self, keys: Iterable[tuple[str, str]], backoff: Backoff) -> Iterator[Item]:
        items = ({"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys))
        return batch_get(self._client, self._table, items, backoff)

    def _query(
        self,
        account_id: str,
        first: str,
        last: str | None = None,
        backoff: Backoff | None = None,
        **more: Any,
    ) -> Iterator[Item]:
        """Items of an account from sort key `first` to `last`, or with the prefix `first`.

        What is throttled is requested again as long as `backoff` allows.
        """
        condition = "sk BETWEEN :first AND :last" if last else "begins_with(sk, :first)"
        values = {":pk": {"S": account_id}, ":first": {"S": first}}
        if last:
            values[":last"] = {"S": last}
        request = {
            "TableName": self._table,
            "KeyConditionExpression": f"pk = :pk AND {condition}",
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            **more,
        }
        while True:
            page = patiently(self._client.query, backoff, **request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _statement(self, item: Item, version: int) -> Any:
        values = [item["rewards"], item.get("redemptions", {"S": "[]"}), item["version"], item["updated"]]
        read = {"N": str(version)}
        return {"Statement": self._update, "Parameters": [*values, item["pk"], item["sk"], read]}

    def _execute(self, batch: Sequence[tuple[int, Item, int]]) -> list[Any]:
        """The error of each write, or None: a batch that is answered says nothing by itself."""
        statements = [self._statement(item, version) for _, item, version in batch]
        try:
            with translated():
                response = self._client.batch_execute_statement(Statements=statements)
        except ThrottledError:
            return [{"Code": "ThrottlingError"}] * len(batch)
        return [response_of_one.get("Error") for response_of_one in response["Responses"]]

    def _transact(
        self, writes: Sequence[tuple[Balance, Page | None]], actions: Sequence[Any], now: int
    ) -> bool:
        """Write balances, whatever of them goes to history, and other puts: all or nothing."""
        puts: list[Any] = [*actions]
        for balance, page in writes:
            item = _item(balance, now)
            put: Any = {"TableName": self._table, "Item": item}
            if balance.version:
                put["ConditionExpression"] = "version = :read"
                put["ExpressionAttributeValues"] = {":read": {"N": str(balance.version)}}
            else:
                put["ConditionExpression"] = "attribute_not_exists(pk)"
            puts.append({"Put": put})
            if page is not None:
                puts.append(self._put_page(balance, balance_item.history_key(balance), page))
        try:
            with translated():
                self._client.transact_write_items(TransactItems=puts)
        except (ConditionFailedError, ThrottledError):
            return False
        return True

    def _put_page(self, balance: Balance, key: str, page: Page) -> Any:
        item = {"pk": {"S": balance.account_id}, "sk": {"S": key}, **balance_item.encode_page(page)}
        return {"Put": {"TableName": self._table, "Item": item}}


def _item(balance: Balance, now: int) -> Item:
    """The whole item as it is to be written at a moment (Unix ms): the next version."""
    return {
        "pk": {"S": balance.account_id},
        "sk": {"S": balance_item.balance_key(balance.user_id, balance.unit)},
        "version": {"N": str(balance.version + 1)},
        "updated": {"N": str(now)},
        **balance_item.encode(balance),
    }


def _all_throttled(errors: Sequence[Any]) -> bool:
    return all(error is not None and error["Code"] in THROTTLES for error in errors)


def _page_for(balance: Balance, item: Item, now: int) -> Page | None:
    """Takes out of the balance what should go to history with this write; None, and the balance
    stays as it is, while the item is small or little can go."""
    size = balance_item.item_bytes(item)
    if size <= 1024:
        return None
    page = leaving(balance, now)
    if balance_item.item_bytes(balance_item.encode_page(page)) < max(_WORTH_A_PAGE, size // _SPILL):
        return None
    archive(balance, page)
    return page


def _prefix(kind: str, user_id: str | None, unit: str | None = None) -> str:
    """What the sort keys of an account's, a participant's, or a balance's items begin with."""
    parts = [part for part in (user_id, unit) if user_id is not None and part is not None]
    return kind + "".join(f"{balance_item.escape(part)}#" for part in parts)


def _participant(item: Item) -> Mapping[str, str]:
    return {name: item[name]["S"] for name in PARTICIPANT_FACTS if name in item}
