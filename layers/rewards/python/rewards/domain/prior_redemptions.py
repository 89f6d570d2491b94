"""The redemptions that the rows of an uploaded results.csv name (CONTRACT 3.2)."""

import re
from collections.abc import Mapping, Sequence

from rewards.domain import invisible
from rewards.domain.damage import unquoted
from rewards.domain.result_columns import result_places

_LINE = re.compile(r"([0-9]{1,10})(?:\.0*)?")  # as spreadsheets may write it


class PriorRedemptions:
    """Reads the columns `importId` and `line` of one file."""

    def __init__(self, header: Sequence[str], priors: Mapping[str, tuple[str, bool] | None]) -> None:
        """`priors` maps each importId to the import that redeemed (the import itself or the one started from
        the dry run) and whether it names a dry run; None if there is no such import."""
        results = result_places(header)
        self._places = (results["importId"], results["line"]) if results else None
        self._priors = priors

    def of(self, row: Sequence[str]) -> tuple[str, int, bool] | str | None:
        """The redemption that a row of an uploaded results.csv names, and whether it names a dry run; or why
        it cannot be read; or None for a row that names nothing."""
        if self._places is None:
            return None
        import_id, line = (unquoted(invisible.visible(row[place].strip())).strip() for place in self._places)
        if not import_id and not line:
            return None  # a row that was added
        named = self._priors.get(import_id.lower())
        number = _LINE.fullmatch(line)
        if named is None or number is None:
            return (
                "importId or line was changed, so the system cannot tell whether the row was redeemed. Copy "
                "the row from results.csv again, or upload failed.csv."
            )
        return named[0], int(number[1]), named[1]
