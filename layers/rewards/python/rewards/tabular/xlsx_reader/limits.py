"""Bounds of the workbooks that are read; a file beyond one of them is rejected."""

from rewards.tabular.csv_reader import MAX_LINE

MAX_BYTES = 2 << 30  # unpacked, by the zip's directory, to which its parts are held; and characters of rows
MAX_ROWS = 1_048_576  # of a sheet; this and the next two are Excel's own limits
MAX_COLUMNS = 16_384
MAX_CELL = 32_767  # characters
MAX_ROW = MAX_LINE  # characters, as in CSV
MAX_CELLS = 1 << 25  # of a sheet, with the gaps before cells; the same for all other elements together
MAX_TEXTS = 1 << 24  # shared texts; each takes 4 bytes and itself
MAX_TEXT_BYTES = 1 << 28  # all shared texts in UTF-8; they are what memory grows by
MAX_TEXTS_PART = 1 << 29  # bytes of XML around the shared texts
MAX_SMALL_PART = 1 << 25  # bytes of XML: every other part but the sheets
MAX_LISTED = 1 << 17  # cell styles and number formats, sheets, relations between parts
MAX_DIRECTORY = 1 << 21  # bytes of the zip's directory, some 20,000 parts
MAX_IDLE = 1 << 20  # bytes of XML from one tag to the next
MAX_NAMESPACE = 255  # characters; expat copies it for every name
MAX_DEPTH = 1_000
