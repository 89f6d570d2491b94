"""An in-memory DynamoDB with the methods of a boto3 client that the product calls.

Held to DynamoDB's own behaviour by test_services.py. Reads must be strongly consistent, except of
an index: an eventually consistent read is rejected, as no rule of the product allows one.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.expressions import InvalidError, Item, Names, UnsupportedError, condition, copy, project
from tests.simulation.expressions import update as updated
from tests.simulation.faults import client_error

Key = tuple[str, ...]
Change = tuple[str, Key, Item | None, Item]  # table, key, item before, item after

MAX_ITEM = 400 * 1024
MAX_GET, MAX_TRANSACTION, MAX_STATEMENTS = 100, 100, 25

_UPDATE = re.compile(r'UPDATE "(?P<table>[^"]+)" (?P<sets>(?:SET "\w+"=\? )+)WHERE (?P<where>.+)')


@dataclass
class Table:
    """Items by key; `indexes` name a hash and a range attribute."""

    key: tuple[str, ...]
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    items: dict[Key, Item] = field(default_factory=dict)

    def key_of(self, item: Item) -> Key:
        for name in self.key:
            if "S" not in item.get(name, {}):
                raise InvalidError(f"Missing the key {name} in the item")
            if not item[name]["S"]:
                raise InvalidError("One or more parameter values are not valid: an empty string as key")
        return tuple(item[name]["S"] for name in self.key)


class DynamoDB:
    """`observe` is told of every atomic write: its changes, after they were made."""

    def __init__(self, gateway: Any, tables: dict[str, Table], page_items: int = 1000) -> None:
        self.tables = tables
        self.observe: Callable[[list[Change]], None] = lambda changes: None
        self._gateway = gateway
        self._page_items = page_items
        self._tokens: set[str] = set()
        self._calls = 0

    # --- Reads ---

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> Any:
        _must_be_consistent(ConsistentRead)

        def apply() -> Any:
            item = self._look(TableName, Key)
            return {"Item": copy(item)} if item else {}

        return self._call("GetItem", f"{TableName} {_shown(Key)}", apply, writes=False)

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Any:
        def apply() -> Any:
            keys = _asked_keys(RequestItems)
            served = len(keys)
            if self._gateway.faults.strikes("partial"):
                served = self._gateway.kernel.random.randrange(len(keys))
            found: dict[str, list[Item]] = {table: [] for table in RequestItems}
            rest: dict[str, Any] = {}
            for number, (table, key) in enumerate(keys):
                if number < served:
                    item = self._look(table, key)
                    if item:
                        found[table].append(copy(item))
                else:
                    same = {name: part for name, part in RequestItems[table].items() if name != "Keys"}
                    rest.setdefault(table, {**same, "Keys": []})["Keys"].append(key)
            if served == 0:
                raise _throttled("BatchGetItem")  # AWS fails the whole request when it can serve nothing
            for items in found.values():
                self._gateway.kernel.random.shuffle(items)
            return {"Responses": found, "UnprocessedKeys": rest}

        said = ", ".join(
            f"{table} {len(asked['Keys'])}: {_shown(asked['Keys'][0])}"
            for table, asked in RequestItems.items()
        )
        return self._call("BatchGetItem", said, apply, writes=False)

    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Mapping[str, Any],
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ProjectionExpression: str | None = None,
        FilterExpression: str | None = None,
        IndexName: str | None = None,
        ConsistentRead: bool = False,
        ScanIndexForward: bool = True,
        ExclusiveStartKey: Item | None = None,
        Limit: int | None = None,
    ) -> Any:
        if IndexName is None:
            _must_be_consistent(ConsistentRead)

        def apply() -> Any:
            # Only the last reading of a query is remembered: who decides by one has just made it.
            self._gateway.kernel.acting["query"] = (self._gateway.kernel.now, None)
            table = self._table(TableName)
            names = Names(ExpressionAttributeNames, ExpressionAttributeValues)
            index = table.indexes[IndexName] if IndexName else None
            hash_name, range_name = index or table.key
            if not re.match(rf"(#\w+|{hash_name}) = :", KeyConditionExpression):
                raise UnsupportedError(f"key condition {KeyConditionExpression!r}")
            found = [
                item
                for item in table.items.values()
                if (not index or {*index} <= item.keys()) and condition(KeyConditionExpression, names, item)
            ]
            condition(KeyConditionExpression, names, {})  # so that placeholders count as used
            found.sort(key=lambda item: item[range_name]["S"].encode(), reverse=not ScanIndexForward)
            keys_only = {*table.key, *(index or ())}
            pages = [
                None
                if not condition(FilterExpression, names, item)
                else project(ProjectionExpression, names, item)
                if not index
                else {name: copy(item[name]) for name in item if name in keys_only}
                for item in found
            ]
            condition(FilterExpression, names, {})
            project(ProjectionExpression, names, {})
            names.check_all_used()
            keys = [table.key_of(item) for item in found]
            return self._page(found, pages, keys, table, ExclusiveStartKey, Limit)

        values = " ".join(str(value.get("S", value)) for value in ExpressionAttributeValues.values())
        return self._call("Query", f"{TableName} {values}", apply, writes=False)

    def scan(
        self,
        *,
        TableName: str,
        ConsistentRead: bool = False,
        Segment: int = 0,
        TotalSegments: int = 1,
        FilterExpression: str | None = None,
        ProjectionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
        ExclusiveStartKey: Item | None = None,
    ) -> Any:
        _must_be_consistent(ConsistentRead)

        def apply() -> Any:
            table = self._table(TableName)
            names = Names(ExpressionAttributeNames, ExpressionAttributeValues)
            # In the order of the keys' hashes; an account's items lie together, as a partition's do.
            keys = sorted(table.items, key=lambda key: (zlib.crc32(key[0].encode()), key))
            keys = [key for key in keys if zlib.crc32(key[0].encode()) % TotalSegments == Segment]
            found = [table.items[key] for key in keys]
            pages = [
                project(ProjectionExpression, names, item)
                if condition(FilterExpression, names, item)
                else None
                for item in found
            ]
            condition(FilterExpression, names, {})
            project(ProjectionExpression, names, {})
            names.check_all_used()
            return self._page(found, pages, keys, table, ExclusiveStartKey)

        return self._call("Scan", f"{TableName} {Segment}/{TotalSegments}", apply, writes=False)

    def get_paginator(self, operation: str) -> "Paginator":
        return Paginator(getattr(self, operation))

    def _page(
        self,
        found: list[Item],
        pages: list[Item | None],
        keys: list[Key],
        table: Table,
        start: Item | None,
        limit: int | None = None,
    ) -> Any:
        """A page of what was found; its size is counted before the filter, as on AWS."""
        first = keys.index(table.key_of(start)) + 1 if start and table.key_of(start) in keys else 0
        last = first + min(self._page_items, limit or self._page_items)
        items = [page for page in pages[first:last] if page is not None]
        response: dict[str, Any] = {
            "Items": items,
            "Count": len(items),
            "ScannedCount": len(found[first:last]),
        }
        if last < len(found):
            response["LastEvaluatedKey"] = {name: copy(found[last - 1][name]) for name in table.key}
        return response

    # --- Writes ---

    def put_item(
        self,
        *,
        TableName: str,
        Item: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ) -> Any:
        def apply() -> Any:
            names = Names(ExpressionAttributeNames, ExpressionAttributeValues)
            change = self._put(TableName, Item, ConditionExpression, names)
            self._write([change], "PutItem")
            return {}

        return self._call("PutItem", f"{TableName} {self._shown_item(TableName, Item)}", apply, writes=True)

    def update_item(
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str = "",
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
        ReturnValues: str = "NONE",
    ) -> Any:
        if ReturnValues not in ("NONE", "ALL_NEW", "UPDATED_OLD"):
            raise UnsupportedError(f"ReturnValues {ReturnValues}")

        def apply() -> Any:
            names = Names(ExpressionAttributeNames, ExpressionAttributeValues)
            change = self._update(TableName, Key, UpdateExpression, ConditionExpression, names)
            self._write([change], "UpdateItem")
            return _returned(ReturnValues, UpdateExpression, change)

        said = ", ".join(
            f"{name}={next(iter(value.values()))}"
            for name, value in (ExpressionAttributeValues or {}).items()
        )
        return self._call("UpdateItem", f"{TableName} {_shown(Key)} {said[:90]}", apply, writes=True)

    def transact_write_items(
        self, *, TransactItems: list[Mapping[str, Any]], ClientRequestToken: str | None = None
    ) -> Any:
        # botocore makes a token for each call, so what it sends again by itself is done once.
        self._calls += 1
        token = ClientRequestToken or f"call {self._calls}"

        def apply() -> Any:
            if token in self._tokens:
                return {}
            if not 1 <= len(TransactItems) <= MAX_TRANSACTION:
                raise InvalidError("Member must have length less than or equal to 100")
            if self._gateway.faults.strikes("partial"):
                fine = [{"Code": "None"}] * (len(TransactItems) - 1)
                raise _cancelled([{"Code": "TransactionConflict"}, *fine])
            changes = [self._action(each) for each in TransactItems]
            places = [(table, key) for table, key in (self._place_of(each) for each in TransactItems)]
            if len(set(places)) < len(places):
                raise InvalidError("Transaction request cannot include multiple operations on one item")
            if None in changes:
                failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
                raise _cancelled([failed if change is None else {"Code": "None"} for change in changes])
            self._write([change for change in changes if change], "TransactWriteItems")
            self._tokens.add(token)
            return {}

        said = "; ".join(self._shown_action(each) for each in TransactItems)
        return self._call("TransactWrite", said, apply, writes=True)

    def batch_execute_statement(self, *, Statements: list[Mapping[str, Any]]) -> Any:
        def apply() -> Any:
            if not 1 <= len(Statements) <= MAX_STATEMENTS:
                raise InvalidError("Member must have length less than or equal to 25")
            parsed = [self._parse(each["Statement"], each["Parameters"]) for each in Statements]
            places = [(table, key) for table, key, _, _ in parsed]
            if len(set(places)) < len(places):
                raise InvalidError("Batch statements cannot include multiple operations on one item")
            partial = self._gateway.faults.strikes("partial")
            responses = []
            for table, key, sets, wheres in parsed:
                error = None
                if partial and self._gateway.kernel.random.random() < 0.5:
                    code = self._gateway.kernel.random.choice(_STATEMENT_THROTTLES)
                    error = {"Code": code, "Message": "Slow down."}
                else:
                    error = self._run_statement(table, key, sets, wheres)
                responses.append({"TableName": table, **({"Error": error} if error else {})})
            return {"Responses": responses}

        first = Statements[0]["Parameters"][-3:] if Statements else []
        said = f"{len(Statements)}: {' '.join(next(iter(part.values())) for part in first)}"
        return self._call("BatchStatement", said, apply, writes=True)

    def _run_statement(self, table: str, key: Key, sets: Item, wheres: Item) -> Any:
        item = self._table(table).items.get(key)
        if item is None or any(item.get(name) != value for name, value in wheres.items()):
            return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        try:
            self._write([(table, key, item, {**item, **copy(sets)})], "BatchExecuteStatement")
        except ClientError as error:
            return {"Code": "ValidationError", "Message": error.response["Error"]["Message"]}
        return None

    def _parse(self, report_builder: str, parameters: list[Any]) -> tuple[str, Key, Item, Item]:
        """Table, key, what is set, and the conditions besides the key, all with their values."""
        found = _UPDATE.fullmatch(report_builder)
        if found is None:
            raise UnsupportedError(f"PartiQL {report_builder!r}")
        sets = re.findall(r'SET "(\w+)"=\?', found["sets"])
        wheres = [re.fullmatch(r'"(\w+)"=\?', part) for part in found["where"].split(" AND ")]
        if not all(wheres):
            raise UnsupportedError(f"PartiQL {report_builder!r}")
        names = [*sets, *(part[1] for part in wheres if part)]
        if len(names) != len(parameters):
            raise InvalidError("Number of parameters in request and statement don't match")
        given = list(zip(names, parameters, strict=True))
        table = self._table(found["table"])
        conditions = dict(given[len(sets) :])
        key = table.key_of(conditions)
        for name in table.key:
            del conditions[name]
        return found["table"], key, dict(given[: len(sets)]), conditions

    def _action(self, action: Mapping[str, Any]) -> Change | list[Any] | None:
        """What an action changes, nothing if it only checks; None if its condition failed."""
        ((kind, what),) = action.items()
        names = Names(what.get("ExpressionAttributeNames"), what.get("ExpressionAttributeValues"))
        try:
            if kind == "Put":
                return self._put(what["TableName"], what["Item"], what.get("ConditionExpression"), names)
            if kind == "Update":
                return self._update(
                    what["TableName"],
                    what["Key"],
                    what["UpdateExpression"],
                    what.get("ConditionExpression"),
                    names,
                )
            if kind == "ConditionCheck":
                return self._check(what["TableName"], what["Key"], what["ConditionExpression"], names)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        raise UnsupportedError(f"transaction with {kind}")

    def _place_of(self, action: Mapping[str, Any]) -> tuple[str, Key]:
        ((_, what),) = action.items()
        return what["TableName"], self._table(what["TableName"]).key_of(what.get("Item") or what["Key"])

    def _check(self, table: str, key: Item, expression: str, names: Names) -> list[Any]:
        met = condition(expression, names, self._table(table).items.get(self._table(table).key_of(key)))
        names.check_all_used()
        if not met:
            raise _condition_failed("ConditionCheck")
        return []

    def _put(self, table: str, item: Item, expression: str | None, names: Names) -> Change:
        key = self._table(table).key_of(item)
        old = self._table(table).items.get(key)
        met = condition(expression, names, old)
        names.check_all_used()
        if not met:
            raise _condition_failed("PutItem")
        return table, key, old, copy(item)

    def _update(self, table: str, key: Item, change: str, expression: str | None, names: Names) -> Change:
        place = self._table(table).key_of(key)
        old = self._table(table).items.get(place)
        met = condition(expression, names, old)
        if not met:
            raise _condition_failed("UpdateItem")
        new = updated(change, names, old or copy(key))
        names.check_all_used()
        return table, place, old, new

    def _write(self, changes: list[Any], operation: str) -> None:
        """All of the changes, or none."""
        for _, _, _, new in changes:
            if len(str(new)) * 4 > MAX_ITEM and size_of(new) > MAX_ITEM:
                message = "Item size to update has exceeded the maximum allowed size"
                raise client_error("ValidationException", message, operation)
        for table, key, _, new in changes:
            self._table(table).items[key] = new
        self.observe(changes)

    # --- The rest ---

    def _call(self, operation: str, subject: str, apply: Callable[[], Any], *, writes: bool) -> Any:
        def answered() -> Any:
            try:
                return apply()
            except InvalidError as error:
                raise client_error("ValidationException", str(error), operation) from error
            except UnsupportedError as error:
                self._gateway.kernel.wrong(f"{operation}: {error}")

        return self._gateway.call("dynamodb", operation, subject, answered, writes=writes)

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            raise client_error("ResourceNotFoundException", "Requested resource not found", "DynamoDB")
        return self.tables[name]

    def _look(self, table: str, key: Item) -> Item | None:
        if key.keys() != set(self._table(table).key):
            raise InvalidError("The provided key element does not match the schema")
        place = self._table(table).key_of(key)
        item = self._table(table).items.get(place)
        self._gateway.kernel.acting[table, place] = (self._gateway.kernel.now, item)
        return item

    def _shown_item(self, table: str, item: Item) -> str:
        return " ".join(item.get(name, {}).get("S", "?") for name in self._table(table).key)

    def _shown_action(self, action: Mapping[str, Any]) -> str:
        table, key = self._place_of(action)
        return f"{table} {' '.join(key)}"


_STATEMENT_THROTTLES = (
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "InternalServerError",
    "TransactionConflict",
)


class Paginator:
    """Asks for page after page."""

    def __init__(self, operation: Callable[..., Any]) -> None:
        self._operation = operation

    def paginate(self, **more: Any) -> Iterator[Any]:
        start: dict[str, Any] = {}
        while True:
            page = self._operation(**more, **start)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def size_of(value: Any) -> int:
    """Roughly the bytes of an item: names and values in UTF-8."""
    if isinstance(value, dict):
        return sum(len(name.encode()) + size_of(part) for name, part in value.items())
    if isinstance(value, list):
        return sum(map(size_of, value))
    return len(str(value).encode())


def _asked_keys(requests: Mapping[str, Any]) -> list[tuple[str, Item]]:
    """The keys of a BatchGetItem with their tables."""
    keys = [(table, key) for table, asked in requests.items() for key in asked["Keys"]]
    if not 1 <= len(keys) <= MAX_GET:
        raise InvalidError("Too many items requested for the BatchGetItem call")
    if len({(table, _shown(key)) for table, key in keys}) < len(keys):
        raise InvalidError("Provided list of item keys contains duplicates")
    for asked in requests.values():
        _must_be_consistent(asked.get("ConsistentRead", False))
    return keys


def _must_be_consistent(asked: bool) -> None:
    if not asked:
        raise UnsupportedError("an eventually consistent read: say ConsistentRead=True, or model the delay")


def _shown(key: Item) -> str:
    return " ".join(part["S"] for part in key.values())


def _condition_failed(operation: str) -> ClientError:
    return client_error("ConditionalCheckFailedException", "The conditional request failed", operation)


def _throttled(operation: str) -> ClientError:
    return client_error("ProvisionedThroughputExceededException", "Slow down.", operation)


def _returned(wanted: str, expression: str, change: Change) -> Any:
    """What an update answers: the whole new item, or the old values of what it has set."""
    _, _, old, new = change
    if wanted == "UPDATED_OLD":
        # Whoever asks for these sets plain attributes, by their own names.
        described = {name: old[name] for name in re.findall(r"(\w+) = ", expression) if old and name in old}
    else:
        described = new if wanted == "ALL_NEW" else {}
    return {"Attributes": copy(described)} if described else {}


def _cancelled(reasons: list[Any]) -> ClientError:
    return client_error(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons {reasons}",
        "TransactWriteItems",
        CancellationReasons=reasons,
    )
