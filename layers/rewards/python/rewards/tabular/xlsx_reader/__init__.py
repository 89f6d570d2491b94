"""Reading an XLSX upload as a stream: cells as text, no value misread, memory bounded.

The text of a cell:

- text: as it is; parts of rich text joined, phonetic readings left out, spaces kept, escapes
  like `_x000D_` decoded. A number stored as text stays that text.
- number: at most 15 significant digits, as spreadsheets show them (30.299999999999997 is
  "30.3"), in plain digits, never with an exponent; `decimal` rounds, not binary floating point.
  A whole number that the file writes out in digits keeps all of them: scripts store ids so.
- number shown as a percentage: "50%"; as a date or time: "2026-01-31", "2026-01-31T12:30:00", or
  "12:30:00" (day 0 of the 1900 system), "########" before 1900 and after 9999. Not the number
  that is stored: users never saw it, and an id that became a date must not pass.
- "TRUE" and "FALSE"; errors as shown, "#N/A"; of a formula its stored result, or that it
  was never computed: a blank cell would be taken for a row to leave alone.
- what stands where a number should, and is none: as it is, for the rules to reject.
- all but numbers: as a cell of a CSV file that no spreadsheet runs as a formula (`safe`).

A file beyond any of the bounds in `limits` is rejected. So is one in which a row or cell occurs twice or
in the wrong order, and one with what no spreadsheet writes (a DTD, tags or nesting without end).
Damage may show at the very end (checksums), so nothing may be done before the last row was read.
"""

from rewards.tabular.xlsx_reader.errors import NoWorkbookError
from rewards.tabular.xlsx_reader.sheet_reader import NOT_COMPUTED
from rewards.tabular.xlsx_reader.workbook import WorkbookRows, read_workbook

__all__ = ["NOT_COMPUTED", "NoWorkbookError", "WorkbookRows", "read_workbook"]
