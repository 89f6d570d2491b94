// Control totals: how many rows a file must have and what was paid in each unit, compared with the file.

import { credits } from "./amounts.js";
import { get } from "./api.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { table } from "./table.js";
import { field, into, loading, muted } from "./ui.js";

const ROWS = "Rows with a value";
const OTHER_ROWS = "Rows in further units";

// --- Before the upload ---

/** The fields for control totals, and a function for what was entered; it throws an error with words. */
export function totalsFields(signal) {
  const rows = amountInput();
  const place = h("div", { class: "stack" });
  let lines = [];
  const box = h(
    "details",
    { class: "totals", on: { toggle: opened } },
    h("summary", {}, "Control totals"),
    muted(
      "Enter what you paid, if you want the file to be rejected when it contains something else. " +
        "Name all units of the file, or none.",
    ),
    h("div", { class: "row" }, field(ROWS, rows)),
    place,
  );
  return { box, expected };

  function opened() {
    if (place.firstChild) return;
    fill(place, loading(1));
    into(place, signal, async () => unitFields(await get("/units", signal)));
  }

  function unitFields(units) {
    if (!units.length) return muted("There are no units yet.");
    const list = h("div", { class: "stack" });
    const add = () => {
      const options = units.map((each) => h("option", { value: each.unit }, each.unit));
      const unit = h("select", {}, options);
      const total = amountInput();
      const decimals = () => units.find((each) => each.unit === unit.value).decimals;
      lines.push({ unit, total, decimals });
      list.append(h("div", { class: "row" }, field("Unit", unit), field("Total paid", total)));
      return unit;
    };
    lines = [];
    add();
    const more = h("button", { type: "button", on: { click: () => add().focus() } }, "Add unit");
    return [list, h("div", { class: "buttons" }, more)];
  }

  function expected() {
    const requested = {};
    for (const { unit, total, decimals } of lines) {
      if (!total.value.trim()) continue;
      if (Object.hasOwn(requested, unit.value))
        throw new Error(`Control totals: ${unit.value} is entered twice.`);
      requested[unit.value] = entered(total, decimals(), unit.value);
    }
    return {
      ...(rows.value.trim() ? { rows: entered(rows, 0, "rows") } : {}),
      ...(Object.keys(requested).length ? { requested } : {}),
    };
  }
}

function entered(input, places, name) {
  input.removeAttribute("aria-invalid");
  try {
    return credits(input.value, places);
  } catch (error) {
    input.setAttribute("aria-invalid", "true");
    throw new Error(`Control totals, ${name}: ${error.message}`);
  }
}

function amountInput(attributes = {}) {
  return h("input", { inputmode: "decimal", autocomplete: "off", ...attributes });
}

// --- On the preview ---

/**
 * A table with a box for each total of a preview. `changed` gets, at once and whenever a box changes, why the
 * import cannot be started, or null.
 */
export function totalsCheck(record, changed) {
  const { stats, expected } = record;
  const rows = { name: ROWS, found: stats.rows - (stats.outcomes.UNCHANGED ?? 0), places: 0, unit: null };
  const units = format
    .totals(stats.requested)
    .filter(([unit]) => Object.hasOwn(stats.decimals ?? {}, unit))
    .map(([unit, found]) => ({ name: unit, found, places: stats.decimals[unit], unit }));
  const lines = [rows, ...units].map((line) => {
    const given = line.unit === null ? expected?.rows : expected?.requested?.[line.unit];
    const value = given === undefined || given === null ? "" : format.value(given, line.places);
    const label = line.unit === null ? "Expected rows" : `Paid in ${line.unit}`;
    const input = amountInput({ value, "aria-label": label, on: { input: compare } });
    return { ...line, input, result: h("span", { class: "verdict", "aria-live": "polite" }, "–") };
  });
  const columns = [
    { name: "Total", of: (line) => line.name },
    { name: "In the file", number: true, of: (line) => format.value(line.found, line.places) },
    { name: "Expected", of: (line) => line.input },
    { name: "Comparison", of: (line) => line.result },
  ];
  const box = h(
    "details",
    { class: "totals", open: Boolean(expected) },
    h("summary", {}, "Control totals"),
    muted("Enter what you paid to compare it with the file before you start. Blank boxes are not compared."),
    h("div", { class: "money" }, table("Comparison with the file", columns, lines)),
  );
  compare();
  return box;

  function compare() {
    const problems = lines.flatMap((line) => show(line) ?? []);
    const all = problems.join("; ");
    changed(problems.length ? `The control totals do not match the file. ${all}.` : null);
  }
}

// Shows how a line compares; the difference in words, or null.
function show({ name, found, places, input, result }) {
  const { tone, words, differs } = verdict(input.value, found, places);
  result.className = `verdict ${tone}`;
  if (result.textContent !== words) result.textContent = words;
  if (differs) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  return differs ? `${name}: ${words}` : null;
}

function verdict(text, found, places) {
  if (!text.trim()) return { tone: "mute", words: "Not compared", differs: false };
  try {
    const difference = BigInt(found) - BigInt(credits(text, places));
    if (difference === 0n) return { tone: "good", words: "Matches", differs: false };
    const size = format.value(difference < 0n ? -difference : difference, places);
    return { tone: "bad", words: `${size} ${difference < 0n ? "less" : "more"} in the file`, differs: true };
  } catch (error) {
    return { tone: "bad", words: error.message.replace(/\.$/, ""), differs: true };
  }
}

// --- Afterwards ---

/** What an import was expected to contain, in words, if it had control totals. */
export function expectedWords({ expected, error }) {
  if (!expected || error?.code === "TOTALS_MISMATCH") return null;
  const units = format.totals(expected.requested);
  const amounts = units.map(([unit, total]) => `${format.value(total, expected.decimals[unit])} ${unit}`);
  const all = [expected.rows === null ? null : format.rows(expected.rows), ...amounts].filter(Boolean);
  return muted(`The file was checked against control totals: ${all.join(", ")}.`);
}

/** How a rejected file differs from its control totals. */
export function differencesTable(differences) {
  const figure = (each, number) => {
    if (number === null) return "none";
    return each.counted === "UNIT" ? format.value(number, each.decimals) : format.count(number);
  };
  const columns = [
    { name: "Total", of: (each) => each.unit ?? (each.counted === "ROWS" ? ROWS : OTHER_ROWS) },
    { name: "Expected", number: true, of: (each) => figure(each, each.expected) },
    { name: "In the file", number: true, of: (each) => figure(each, each.found) },
  ];
  return h("div", { class: "money" }, table("Differences", columns, differences));
}
