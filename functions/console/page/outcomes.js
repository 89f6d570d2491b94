// The outcomes of an import's rows, with the first rows of each. All texts of outcomes come from the API.

import { h } from "./dom.js";
import * as format from "./format.js";
import { table } from "./table.js";
import { address } from "./router.js";
import { differencesTable } from "./totals.js";
import { card, muted, notice, paragraph } from "./ui.js";

const TONES = { DONE: "good", FAILED: "bad", REPEATED: "warn", SKIPPED: "" };

/** The rows of an import with an outcome. */
export const count = (record, outcome) => record.stats.outcomes[outcome] || 0;

/** Whether an import has rows with errors. */
export const anyFailed = (record) => record.stats.summary.some((each) => each.group === "FAILED");

export function failedRows(explained) {
  return explained.outcomes.filter((each) => each.failed).reduce((sum, each) => sum + each.rows, 0);
}

/** The counts of rows, as large numbers. */
export function figures(record) {
  const figure = ({ group, label, rows }) =>
    h("div", { class: TONES[group] }, h("dt", {}, label), h("dd", {}, format.count(rows)));
  return h("dl", { class: "figures" }, record.stats.summary.map(figure));
}

/** Failed rows, and rows redeemed by an earlier import, by outcome. */
export function problemsCard(explained, fix, file = null) {
  const found = explained.outcomes.filter((each) => each.failed || each.outcome === "ALREADY_REDEEMED");
  if (!found.length) return null;
  const failed = failedRows(explained) > 0;
  const groups = found.map((each, place) =>
    group(explained.columns, {
      ...each,
      code: each.outcome,
      isOpen: place === 0 && each.failed,
    }),
  );
  return card(
    failed ? "Rows with errors" : "Rows redeemed earlier",
    failed && fix ? muted(fix) : null,
    file ? h("div", { class: "buttons" }, file) : null,
    groups,
  );
}

// A warning changes no outcome; it says what to check before the money moves.
export function warningsCard(explained) {
  const found = explained.warnings;
  if (!found.length) return null;
  const groups = found.map((each) =>
    group(explained.columns, { ...each, code: each.warning, isOpen: false }),
  );
  return card(
    "Warnings",
    muted("Warnings do not stop a row. Check them before you rely on the result."),
    groups,
  );
}

function group(columns, { title, code, rows, meaning, remedy, examples, isOpen }) {
  const blank = () => h("span", { class: "mute" }, "blank");
  const shape = [
    { name: "Line", number: true, of: (each) => format.count(each.line) },
    ...columns.map((name, place) => ({ name, of: (each) => each.cells[place] || blank() })),
    { name: "Reason", wide: true, of: (each) => each.message || "–" },
  ];
  const more = `The first ${format.count(examples.length)} of ${format.rows(rows)}. The file has all of them.`;
  const summary = [
    h("span", { class: "strong" }, title),
    h("span", { class: "tally" }, format.rows(rows)),
    h("code", {}, code),
  ];
  return h(
    "details",
    { class: "group", open: isOpen },
    h("summary", {}, summary),
    h(
      "div",
      { class: "inside" },
      meaning ? paragraph(meaning) : null,
      remedy ? paragraph(h("span", { class: "strong" }, "How to fix it: "), remedy) : null,
      examples.length ? table(`${title}: first rows`, shape, examples) : null,
      examples.length && examples.length < rows ? muted(more) : null,
    ),
  );
}

/** A file that was rejected as a whole, or an import that failed. */
export function rejection(record, explained) {
  const { reason, remedy } = explained.rejection || {};
  const title = reason ? `The file was rejected: ${reason}` : "The import has no results";
  const how = remedy ? paragraph(h("span", { class: "strong" }, "How to fix it: "), remedy) : null;
  const differences = record.error.differences ?? [];
  const why = differences.length ? differencesTable(differences) : paragraph(linked(record.error.message));
  return notice("bad", title, why, how);
}

// Ids of imports in a message, as links to them.
export function linked(message) {
  const parts = message.split(/\b([0-9][0-9a-hjkmnp-tv-z]{15})\b/);
  return parts.map((part, place) => (place % 2 ? h("a", { href: address("import", part) }, part) : part));
}
