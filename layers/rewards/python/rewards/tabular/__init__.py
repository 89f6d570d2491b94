"""Reading and writing tables as CSV, XLSX and JSON Lines: no AWS and no domain rules."""
