// CSV files that the browser makes of what a page shows.

const FORMULA = /^[=+\-@\t\r]/;

/**
 * Rows of texts as CSV (RFC 4180). A cell that a spreadsheet would take for a formula is neutralised (OWASP).
 * @param {any[][]} rows
 */
export function csv(rows) {
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function cell(value) {
  const text = String(value ?? "");
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
