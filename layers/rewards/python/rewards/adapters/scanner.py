"""Reading whole tables for a report: in parallel segments, and without botocore's parser.

botocore needs 20 to 40 microseconds to parse an item, which is most of what a report would cost. So a hook
takes the body of a Scan's response away before it is parsed, and msgspec decodes it here into the items that
reports read.
Signing, retries, checksums and errors stay botocore's: only a response with status 200 is used.

Every read is strongly consistent. It costs one unit for 4 KB instead of half a one, and an older copy could
show what was redeemed already.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from rewards.adapters import balance_item
from rewards.adapters.batch_get import Item
from rewards.adapters.errors import ThrottledError, translated
from rewards.adapters.retry import Backoff
from rewards.domain.reward_rows import PARTICIPANT_FACTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTRIBUTES = ("pk", "sk", "version", "updated", "rewards", "archived", *PARTICIPANT_FACTS)
_OF_A_REWARD = ("id", "accountId", "userId", "unit", "name", "rewardSource")

_BODY = "ScannedBody"


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """The value of an attribute: a text, or a number as text."""

    S: str = ""
    N: str = ""


_NONE = Attribute()


class AccountItem(msgspec.Struct, rename="camel", gc=False):
    """A balance, a page of its history, or a participant: `sk` tells. An absent attribute is empty."""

    pk: Attribute
    sk: Attribute
    version: Attribute = _NONE
    updated: Attribute = _NONE
    rewards: Attribute = _NONE
    archived: Attribute = _NONE
    redemptions: Attribute = _NONE
    first_name: Attribute = _NONE
    last_name: Attribute = _NONE
    email: Attribute = _NONE
    date_blocked: Attribute = _NONE
    segments: Attribute = _NONE

    def of_balance(self) -> Item:
        """Return the item of a balance as `balance_item` takes it."""
        item = {"pk": {"S": self.pk.S}, "sk": {"S": self.sk.S}, "version": {"N": self.version.N}}
        item["rewards"] = {"S": self.rewards.S}
        if self.updated.N:
            item["updated"] = {"N": self.updated.N}
        if self.archived.S:
            item["archived"] = {"S": self.archived.S}
        if self.redemptions.S:
            item["redemptions"] = {"S": self.redemptions.S}
        return item


class RewardItem(msgspec.Struct, rename="camel", gc=False):
    """What is known of a reward besides its balance."""

    id: Attribute
    account_id: Attribute
    user_id: Attribute
    unit: Attribute
    name: Attribute = _NONE
    reward_source: Attribute = _NONE


Scanned = TypeVar("Scanned", AccountItem, RewardItem)


class Answer(msgspec.Struct, Generic[Scanned], rename="pascal", gc=False):
    """The body of a Scan's answer; `last_evaluated_key` is where the segment goes on."""

    items: list[Scanned]
    last_evaluated_key: dict[str, dict[str, str]] | None = None


decode_accounts = msgspec.json.Decoder(Answer[AccountItem]).decode
decode_rewards = msgspec.json.Decoder(Answer[RewardItem]).decode


@dataclass(frozen=True, slots=True)
class Page(Generic[Scanned]):
    """Items as they were at some moments between `asked` and `answered` (Unix ms)."""

    items: list[Scanned]
    asked: int
    answered: int


class Scanner:
    """Scans the tables. Answers to a Scan of this client are read here only: give it one of its own.

    `now` gives Unix milliseconds.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        accounts_table: str,
        rewards_table: str,
        now: Callable[[], int],
        segments: int = 4,
    ) -> None:
        self._client = client
        self._accounts_table = accounts_table
        self._rewards_table = rewards_table
        self._now = now
        self._segments = segments
        client.meta.events.register("before-parse.dynamodb.Scan", _take_body, unique_id="take-body")

    def accounts(
        self, history: bool, time_left: Callable[[], float], redemptions: bool = False
    ) -> Iterator[Page[AccountItem]]:
        """All balances and participants, with their history and redemptions or without, in no order.

        Raises OutOfTimeError when throttled until `time_left` (seconds) is used up.
        """
        request: dict[str, Any] = {
            "TableName": self._accounts_table,
            **_projection((*_ATTRIBUTES, "redemptions") if redemptions else _ATTRIBUTES),
        }
        if not history:
            # Spares the network and the parser; what is read is billed all the same.
            request["FilterExpression"] = "NOT begins_with(#sk, :history)"
            request["ExpressionAttributeValues"] = {":history": {"S": balance_item.HISTORY_PREFIX}}
        return self._scan(request, decode_accounts, time_left)

    def rewards(self, time_left: Callable[[], float]) -> Iterator[Page[RewardItem]]:
        """What is known of each reward besides its balance, in no order."""
        request = {"TableName": self._rewards_table, **_projection(_OF_A_REWARD)}
        return self._scan(request, decode_rewards, time_left)

    def _scan(
        self,
        request: dict[str, Any],
        decode: Callable[[bytes], Answer[Scanned]],
        time_left: Callable[[], float],
    ) -> Iterator[Page[Scanned]]:
        with ThreadPoolExecutor(self._segments) as pool:

            def ask(segment: int, start: Any) -> "Future[tuple[bytes, int, int]]":
                more = {"ExclusiveStartKey": start} if start else {}
                whole = {**request, "Segment": segment, "TotalSegments": self._segments, **more}
                return pool.submit(self._page, whole, Backoff(time_left, base=0.1))

            waiting = {segment: ask(segment, None) for segment in range(self._segments)}
            while waiting:
                for segment in list(waiting):
                    body, asked, answered = waiting.pop(segment).result()
                    found = decode(body)
                    if found.last_evaluated_key:
                        waiting[segment] = ask(segment, found.last_evaluated_key)
                    yield Page(found.items, asked, answered)

    def _page(self, request: dict[str, Any], backoff: Backoff) -> tuple[bytes, int, int]:
        while True:
            asked = self._now()
            try:
                with translated():
                    response: Any = self._client.scan(ConsistentRead=True, **request)
            except ThrottledError:
                backoff.wait()
            else:
                return response[_BODY], asked, self._now()


def _take_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] == 200:
        customized_response_dict[_BODY] = response_dict["body"]
        response_dict["body"] = b"{}"


def _projection(names: tuple[str, ...]) -> dict[str, Any]:
    """Under aliases: some of the names are reserved words."""
    return {
        "ProjectionExpression": ", ".join(f"#{name}" for name in names),
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
    }
