"""The units in which there are, or were, rewards, in the table `Jobs`.

Before version 0.2 the sort key was the unit itself; now it is its case-folded form, and the attribute `unit`
says how it is spelled.
"""

from typing import Any

from rewards.adapters.jobs_table import JobsTable, item_key
from rewards.domain.units import claim_key

_UNITS = "UNITS"


class UnitsInUse:
    """Lists the units, and claims new ones."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def all(self) -> list[str]:
        """The units in which there are, or were, rewards; in their order."""
        items = self._table.items(
            KeyConditionExpression="pk = :units", ExpressionAttributeValues={":units": {"S": _UNITS}}
        )
        return sorted(item.get("unit", item["sk"])["S"] for item in items)

    def claim(self, unit: str) -> Any:
        """The action of a unit's first grant: claims it, under a key that all spellings of it share."""
        return {
            "Put": {
                "TableName": self._table.name,
                "Item": {**item_key(_UNITS, claim_key(unit)), "unit": {"S": unit}},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
