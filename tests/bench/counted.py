"""What passes the clients of an emulated AWS: requests, capacity units, billed SQS requests.

Units of what is read and of PartiQL are computed from the items by AWS's rules (balance_item.item_bytes,
which tests/integration/test_capacity.py holds to UpdateItem's figures); the emulator's own are right for
puts, updates and transactions.
"""

from collections import Counter
from typing import Any

from rewards.adapters.balance_item import item_bytes

_KB = 1024
_SQS_PIECE = 64 * _KB
_WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")  # whose units the emulator tells


def write_units(size: int) -> int:
    return max(1, -(-size // _KB))


def read_units(size: int) -> int:
    return max(1, -(-size // (4 * _KB)))


class Counted:
    """Hooks into clients; `requests` by service and operation, as sent, retries too.

    Units are computed from kept requests and responses, after the work that is measured.
    """

    def __init__(self, *clients: Any) -> None:
        self.requests: Counter[str] = Counter()
        self.sqs = 0  # as billed
        self._statements: list[Any] = []
        self._responses: list[tuple[str, Any]] = []
        for client in clients:
            events, service = client.meta.events, client.meta.service_model.service_name
            events.register(f"before-send.{service}", self._sent)
            events.register(f"provide-client-params.{service}", self._asked)
            events.register(f"after-call.{service}", self._answered)

    @property
    def written(self) -> float:
        """Write units."""
        units: float = sum(_size_after(each["Parameters"]) for each in self._statements)
        for name, response in self._responses:
            if name in _WRITES:
                found = response.get("ConsumedCapacity") or []
                units += sum(
                    each["CapacityUnits"] for each in (found if isinstance(found, list) else [found])
                )
        return units

    @property
    def read(self) -> float:
        """Read units."""
        units = 0
        for name, response in self._responses:
            if name == "GetItem":
                units += read_units(item_bytes(_flat(response.get("Item", {}))))
            elif name == "BatchGetItem":
                for items in response.get("Responses", {}).values():
                    units += sum(read_units(item_bytes(item)) for item in items)
            elif name == "Query":
                units += read_units(sum(item_bytes(_flat(item)) for item in response.get("Items", [])))
        return units

    def _sent(self, request: Any, event_name: str, **_: Any) -> None:
        _, service, operation = event_name.split(".")
        self.requests[f"{service} {operation}"] += 1
        if service == "sqs":
            self.sqs += max(1, -(-len(request.body or b"") // _SQS_PIECE))

    def _asked(self, params: Any, model: Any, **_: Any) -> Any:
        if model.name in _WRITES:
            return {**params, "ReturnConsumedCapacity": "TOTAL"}
        if model.name == "BatchExecuteStatement":
            self._statements += params["Statements"]
        return params

    def _answered(self, parsed: Any, model: Any, **_: Any) -> None:
        if model.name in _WRITES or model.name in ("GetItem", "BatchGetItem", "Query"):
            self._responses.append((model.name, parsed))


def _size_after(parameters: Any) -> int:
    """Our one statement sets rewards, redemptions and version of the item pk, sk."""
    names = ("rewards", "redemptions", "version", "pk", "sk")
    return write_units(item_bytes(dict(zip(names, parameters[:5], strict=True))))


def _flat(item: Any) -> Any:
    """Of maps, booleans and nulls only a record of `Jobs` has any, and it is far below a unit."""
    return {name: value for name, value in item.items() if {*value} <= {"S", "N"}}
