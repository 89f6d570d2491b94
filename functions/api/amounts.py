"""Decimals beside every amount, so that clients can show amounts without knowing their units."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from rewards.domain.units import decimals

# Fields that hold credits by unit.
_BY_UNIT = ("requested", "redeemed", "rejected", "totals")

Decimals = Annotated[int, Field(description="Decimals of the unit: 1055 with 2 decimals is 10.55.")]
DecimalsByUnit = Annotated[
    dict[str, int], Field(description="Decimals of each unit that has an amount here, by unit.")
]


class WithDecimals(BaseModel):
    """Amounts of one `unit`; the model declares `decimals` beside it."""

    @model_validator(mode="before")
    @classmethod
    def _add_decimals(cls, given: Any) -> Any:
        return {**given, "decimals": decimals(given["unit"])} if isinstance(given, dict) else given


class WithDecimalsByUnit(BaseModel):
    """Amounts by unit; the model declares `decimals` beside them."""

    @model_validator(mode="before")
    @classmethod
    def _add_decimals(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        units = {unit for name in _BY_UNIT for unit in given.get(name) or ()}
        params = given.get("params") or {}
        if params.get("minimumValue") is not None:
            units.add(params["unit"])
        return {**given, "decimals": {unit: decimals(unit) for unit in sorted(units)}}
