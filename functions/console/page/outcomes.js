// The outcomes of an import's rows in words, with the first rows of each. Meanings and remedies come from the API.

import { h } from "./dom.js";
import * as format from "./format.js";
import { table } from "./table.js";
import { address } from "./router.js";
import { card, muted, notice, paragraph } from "./ui.js";

const TITLES = {
  REDEEMED: "Redeemed",
  LOADED: "Loaded",
  UNCHANGED: "Skipped (0 or blank)",
  ALREADY_REDEEMED: "Redeemed by an earlier import",
  REFERENCE_CONFLICT: "Reference used with another amount",
  INVALID_VALUE: "Invalid amount or id",
  NOT_POSITIVE: "Negative amount",
  TRUNCATES_TO_ZERO: "Amount below the smallest unit",
  MISSING_FIELD: "Missing id or unit",
  ROW_CHANGED: "Row was changed",
  UNKNOWN_REPORT: "Row of an unknown report",
  DUPLICATE_ROW: "Duplicate row",
  NO_BALANCE: "No such balance",
  UNIT_MISMATCH: "No balance in this unit",
  INSUFFICIENT_BALANCE: "Amount exceeds the available balance",
  CANCELLED: "Cancelled before processing",
  NOT_PROCESSED: "Could not be processed",
  UNSUPPORTED_TYPE: "Unsupported reward type",
  INVALID_UNIT: "Invalid unit",
  ID_IN_USE: "Reward id in use",
  BALANCE_FULL: "Balance is full",
  REVERSED: "Reversed",
  ALREADY_REVERSED: "Reversed earlier",
};

const WARNINGS = {
  NO_ROW_ID: "No rowId",
  REPEATED_VALUE: "Same amount as a recent redemption",
  DIGITS_TRUNCATED: "Digits cut off",
  REPAIRED: "Repaired",
  PARTICIPANT_BLOCKED: "Participant is blocked",
  ENCODING_DETECTED: "Encoding was detected",
  OTHER_SHEETS_IGNORED: "Other sheets were ignored",
  UNKNOWN_COLUMN: "Unknown column",
  REPORT_OUTDATED: "Report is outdated",
};

const DONE = { REDEEMED: "redeemed", LOADED: "loaded", REVERSED: "reversed" };
const REPEATED = ["ALREADY_REDEEMED", "ALREADY_REVERSED"];
const SETTLED = [...Object.keys(DONE), ...REPEATED, "UNCHANGED"];

export const count = (record, ...names) =>
  names.reduce((sum, name) => sum + (record.stats.outcomes[name] || 0), 0);

function failedOutcomes(record) {
  return Object.keys(record.stats.outcomes).filter((name) => !SETTLED.includes(name));
}

export const anyFailed = (record) => count(record, ...failedOutcomes(record)) > 0;

export function failedRows(explained) {
  return explained.outcomes.filter((each) => each.failed).reduce((sum, each) => sum + each.rows, 0);
}

// An import's rows in few words: [[784, "redeemed", "good"], [5, "with errors", "bad"] ...], without zeros.
export function tally(record) {
  const done = Object.entries(DONE).map(([name, words]) => [
    count(record, name),
    record.dryRun ? "to redeem" : words,
    "good",
  ]);
  return [
    ...done,
    [count(record, ...failedOutcomes(record)), "with errors", "bad"],
    [count(record, ...REPEATED), record.reverses ? "reversed earlier" : "redeemed earlier", "warn"],
    [count(record, "UNCHANGED"), record.type === "REWARD" ? "loaded earlier" : "skipped", ""],
  ].filter(([rows]) => Number(rows) > 0);
}

/** The counts of rows, as large numbers. */
export function figures(record) {
  const figure = ([number, label, tone]) =>
    h("div", { class: tone }, h("dt", {}, label), h("dd", {}, format.count(number)));
  return h("dl", { class: "figures" }, tally(record).map(figure));
}

/** Failed rows, and rows redeemed by an earlier import, by outcome. */
export function problemsCard(explained, fix, file = null) {
  const found = explained.outcomes.filter((each) => each.failed || each.outcome === "ALREADY_REDEEMED");
  if (!found.length) return null;
  const failed = failedRows(explained) > 0;
  const groups = found.map((each, place) =>
    group(explained.columns, {
      ...each,
      title: TITLES[each.outcome] || each.outcome,
      code: each.outcome,
      remedy: each.mending,
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

/** An import's warnings. Counts are on the record, words come with the outcomes. */
export function warnings(record, explained) {
  const worded = new Map((explained?.warnings || []).map((each) => [each.warning, each]));
  for (const [warning, rows] of Object.entries(record.stats.warnings || {})) {
    if (rows > 0 && !worded.has(warning)) worded.set(warning, { warning, rows });
  }
  return [...worded.values()].map((each) => ({
    examples: [],
    ...each,
    title: WARNINGS[each.warning] || each.warning,
  }));
}

// A warning changes no outcome; it says what to check before the money moves.
export function warningsCard(record, explained) {
  const found = warnings(record, explained);
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
  const { mending, reason } = explained?.refusal || {};
  const title = reason ? `The file was rejected: ${reason}` : "The import has no results";
  const remedy = mending ? paragraph(h("span", { class: "strong" }, "How to fix it: "), mending) : null;
  return notice("bad", title, paragraph(linked(record.error.message)), remedy);
}

// Ids of imports in a message, as links to them.
export function linked(message) {
  const parts = message.split(/\b([0-9][0-9a-hjkmnp-tv-z]{15})\b/);
  return parts.map((part, place) => (place % 2 ? h("a", { href: address("import", part) }, part) : part));
}
