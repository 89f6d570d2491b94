"""The key of rowIds in tests, and the rowIds that it makes."""

from rewards.domain.row_ids import RowIdKeys

KEY = "a key of tests that nobody has to keep secret"
KEYS = RowIdKeys.parse(KEY)


def keys():
    """What a flow asks for the keys."""
    return KEYS


def make_row_id(export_id, account_id, user_id, unit, program_id=None):
    """The rowId of a balance in a report."""
    report = KEYS.of(export_id)
    assert report is not None
    return report.make(account_id, user_id, unit, program_id)
