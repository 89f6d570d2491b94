// What became of the rows of an import, in words, with the first rows of each outcome.

import { h } from "./dom.js";
import * as format from "./format.js";
import { notice, table } from "./ui.js";

const TITLES = {
  REDEEMED: "Redeemed",
  LOADED: "Loaded",
  UNCHANGED: "Left alone",
  ALREADY_REDEEMED: "Redeemed by an earlier import",
  INVALID_VALUE: "Value cannot be read",
  NOT_POSITIVE: "Value below zero",
  TRUNCATES_TO_ZERO: "Value below the smallest step",
  MISSING_FIELD: "An id or the unit is blank",
  ROW_CHANGED: "Row was changed",
  UNKNOWN_REPORT: "Row of another report",
  DUPLICATE_ROW: "Row stands twice",
  NO_BALANCE: "No such balance",
  UNIT_MISMATCH: "No balance in this unit",
  INSUFFICIENT_BALANCE: "More than is available",
  CANCELLED: "Cancelled before it was its turn",
  NOT_PROCESSED: "Could not be processed",
  UNSUPPORTED_TYPE: "Not a credit",
  INVALID_UNIT: "Invalid unit",
  ID_IN_USE: "Reward id is in use",
  BALANCE_FULL: "Balance is full",
  REVERSED: "Given back",
  ALREADY_REVERSED: "Given back before",
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

const DONE = { REDEEMED: "redeemed", LOADED: "loaded", REVERSED: "given back" };
const REPEATED = ["ALREADY_REDEEMED", "ALREADY_REVERSED"];

const title = (outcome) => TITLES[outcome] || outcome;

export const count = (record, ...names) => names.reduce((sum, name) => sum + (record.stats.outcomes[name] || 0), 0);

// An import's rows in few words: [[784, "redeemed", "good"], [5, "need a look", "bad"] ...], without zeros.
export function tally(record) {
  const settled = [...Object.keys(DONE), ...REPEATED, "UNCHANGED"];
  const failed = Object.keys(record.stats.outcomes).filter((name) => !settled.includes(name));
  const before = record.reverses ? "given back before" : "redeemed before";
  return [
    ...Object.entries(DONE).map(([name, words]) => [count(record, name), record.dryRun ? "to redeem" : words, "good"]),
    [count(record, ...failed), "need a look", "bad"],
    [count(record, ...REPEATED), before, "warn"],
    [count(record, "UNCHANGED"), record.type === "REWARD" ? "loaded before" : "left alone", ""],
  ].filter(([rows]) => rows > 0);
}

// The groups of failed rows, and of rows that were redeemed before.
export function problems(explained) {
  const { columns, outcomes } = explained;
  const groups = outcomes.filter((each) => each.failed || each.outcome === "ALREADY_REDEEMED");
  return groups.map((each, place) =>
    group(title(each.outcome), each.outcome, each.rows, [h("p", {}, each.meaning), each.mending ? h("p", {}, h("span", { class: "strong" }, "To mend it: "), each.mending) : null], columns, each.examples, place === 0 && each.failed),
  );
}

// An import's warnings: [{ warning, title, rows, meaning, remedy, examples }]. Counts are on the record, words
// come with the outcomes.
export function warnings(record, explained) {
  const worded = new Map((explained?.warnings || []).map((each) => [each.warning, each]));
  for (const [warning, rows] of Object.entries(record.stats.warnings || {})) {
    if (rows > 0 && !worded.has(warning)) worded.set(warning, { warning, rows });
  }
  return [...worded.values()].map((each) => ({ examples: [], ...each, title: WARNINGS[each.warning] || each.warning }));
}

// The same as groups with their first rows.
export function warningGroups(record, explained) {
  return warnings(record, explained).map((each) =>
    group(each.title, each.warning, each.rows, [each.meaning ? h("p", {}, each.meaning) : null, each.remedy ? h("p", {}, h("span", { class: "strong" }, "How to fix it: "), each.remedy) : null], explained.columns, each.examples, false),
  );
}

function group(name, code, count, words, columns, examples, open) {
  const shape = [
    { name: "Line", number: true, of: (each) => format.count(each.line) },
    ...columns.map((column, place) => ({ name: column, of: (each) => each.cells[place] || h("span", { class: "mute" }, "blank") })),
    { name: "Why", wide: true, of: (each) => each.message || "–" },
  ];
  const first = examples.length && examples.length < count ? h("p", { class: "mute" }, `The first ${format.count(examples.length)} of ${format.rows(count)}. All of them are in the file.`) : null;
  return h(
    "details",
    { class: "group", open },
    h("summary", {}, h("span", { class: "strong" }, name), h("span", { class: "tally" }, format.rows(count)), code ? h("code", {}, code) : null),
    h("div", { class: "inside" }, words, examples.length ? table(`${name}: first rows`, shape, examples) : null, first),
  );
}

// A file that was refused as a whole.
export function refusal(record, explained) {
  const mending = explained?.refusal?.mending;
  const reason = explained?.refusal?.reason;
  return notice("bad", reason ? `The file was not accepted: ${reason}` : "The import was not carried out", h("p", {}, linked(record.error.message)), mending ? h("p", {}, h("span", { class: "strong" }, "To mend it: "), mending) : null);
}

// Ids of imports in a message, as links to them.
export function linked(message) {
  return message.split(/\b([0-9][0-9a-hjkmnp-tv-z]{15})\b/).map((part, place) => (place % 2 ? h("a", { href: `#/import/${part}` }, part) : part));
}
