"""The chain of receipts, in the table `Jobs`: the text of each receipt, and the head of the chain."""

from collections.abc import Iterator
from typing import Any

from rewards.adapters.jobs_table import JobsTable, put_if, read_item
from rewards.domain.receipt import ChainHead, Receipt

_CHAIN = "RECEIPTS"
_HEAD = "HEAD"


class Receipts:
    """Reads the chain, and gives the actions of the transaction that extends it."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def head(self) -> ChainHead | None:
        """The head of the chain as it is now, or None before the first receipt."""
        record = self._table.get_item(_CHAIN, _HEAD)
        return ChainHead(record["sequence"], record["digest"], record["keptUntil"]) if record else None

    def find(self, sequence: int) -> Receipt | None:
        """A receipt, or None."""
        record = self._table.get_item(_CHAIN, _sk(sequence))
        return _receipt(record) if record else None

    def all(self) -> Iterator[Receipt]:
        """Yield the receipts that are stored, in order."""
        items = self._table.items(
            KeyConditionExpression="pk = :chain AND sk < :head",
            ExpressionAttributeValues={":chain": {"S": _CHAIN}, ":head": {"S": _HEAD}},
        )
        return (_receipt(read_item(item)) for item in items)

    def actions(self, receipt: Receipt, head: ChainHead | None) -> list[Any]:
        """Actions that store a receipt and make it the head, if `head` still is the head."""
        record = {
            "importId": receipt.import_id,
            "text": receipt.text,
            "keptUntil": receipt.kept_until,
            "ttl": -(-receipt.kept_until // 1000),
        }
        expected = {"sequence": head.sequence, "digest": head.digest} if head else {}
        following = receipt.head
        new_head = {
            "sequence": following.sequence,
            "digest": following.digest,
            "keptUntil": following.kept_until,
        }
        table = self._table.name
        return [
            put_if(table, _CHAIN, _sk(receipt.sequence), record),
            put_if(table, _CHAIN, _HEAD, new_head, **expected),
        ]

    def extend(self, receipt: Receipt, head: ChainHead | None) -> bool:
        """Put back a receipt of an import that has none now; False if `head` is not the head any more."""
        return self._table.write_together(self.actions(receipt, head))


def _receipt(record: dict[str, Any]) -> Receipt:
    return Receipt(int(record["sk"]), record["importId"], record["text"], record["keptUntil"])


def _sk(sequence: int) -> str:
    return f"{sequence:012d}"
