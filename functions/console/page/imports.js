// The index of imports, newest first. A preview is folded into the import that it became.

import { unavailable } from "./actions.js";
import { follow, get } from "./api.js";
import { fill, h } from "./dom.js";
import { failure, unreachable } from "./errors.js";
import * as format from "./format.js";
import * as outcomes from "./outcomes.js";
import { address, pageNumber } from "./router.js";
import { badge, importStatus, kindOf } from "./status.js";
import { pager, table, values } from "./table.js";
import { empty, field, heading, into, loading, mayChange, notice, who } from "./ui.js";

const SIZE = 50;

export function view(root, { query, signal }) {
  const page = pageNumber(query);
  const chosen = chosenFilters(query);
  const list = h("section", { class: "card", "aria-label": "Imports" }, loading(6));
  fill(root, heading("Imports", importButton()), filterForm(chosen), list);
  const to = (number) => listAddress({ ...chosen, page: String(number + 1) });
  const path = `/import/history/list?limit=${SIZE}&offset=${page * SIZE}${apiFilters(chosen)}`;
  const show = (found) => {
    const isFiltered = Object.keys(chosen).length > 0;
    if (!found.totalCount && !isFiltered) return nothing();
    const pages =
      found.totalCount > SIZE ? pager(page, SIZE, found.totalCount, to, "import or preview") : null;
    const shown = found.totalCount ? importsTable(folded(found.data)) : noMatch();
    return [shown, pages, unsearched(found.searchedSince)];
  };
  // A search reads many records, so it is not repeated.
  if (chosen.status || chosen.type || chosen.query) {
    into(list, signal, async () => show(await get(path, signal)));
  } else keepShowing(list, path, signal, show);
}

// --- Filters, which the address keeps ---

const FILTERS = ["query", "status", "type", "from", "to"];

const STATUSES = [
  ["", "All statuses"],
  ["PENDING", "Waiting for upload"],
  ["VALIDATING", "Validating"],
  ["AWAITING_APPROVAL", "Awaiting approval"],
  ["PROCESSING", "Processing"],
  ["COMPLETED", "Completed"],
  ["ABORTED", "Rejected, declined or expired"],
  ["CANCELLED", "Cancelled"],
];

const TYPES = [
  ["", "All types"],
  ["REDEEMABLE_REWARD_BALANCE", "Redemptions"],
  ["REWARD", "Rewards files"],
];

function chosenFilters(query) {
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]).filter(([, value]) => value));
}

const listAddress = (chosen) => `${address("imports")}?${new URLSearchParams(chosen)}`;

// The period is entered in days of the reader's zone; both are in it.
function apiFilters({ from, to, ...others }) {
  const given = new URLSearchParams(others);
  if (from) given.set("from", String(format.startOfDay(from)));
  if (to) given.set("to", String(format.startOfDay(to, 1)));
  return given.size ? `&${given}` : "";
}

function filterForm(chosen) {
  const select = (name, options) =>
    h(
      "select",
      { name },
      options.map(([value, label]) =>
        h("option", { value, selected: value === (chosen[name] || "") }, label),
      ),
    );
  const day = (name) => h("input", { type: "date", name, value: chosen[name] || "" });
  const text = {
    name: "query",
    type: "search",
    maxlength: "200",
    autocomplete: "off",
    value: chosen.query || "",
  };
  const clear = h("a", { class: "button", href: address("imports") }, "Clear filters");
  const form = h(
    "form",
    { role: "search", on: { submit } },
    h(
      "div",
      { class: "row" },
      field("Search", h("input", text), "A part of the name, the file name, the person or the id."),
      field("Status", select("status", STATUSES)),
    ),
    h(
      "details",
      { open: Boolean(chosen.type || chosen.from || chosen.to) },
      h("summary", {}, "More filters"),
      h(
        "div",
        { class: "row" },
        field("Type", select("type", TYPES)),
        field("From", day("from")),
        field("To", day("to")),
      ),
    ),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "submit", id: "apply-filters" }, "Apply filters"),
      Object.keys(chosen).length ? clear : null,
    ),
  );
  return h("section", { class: "card", "aria-label": "Filters" }, form);

  function submit(event) {
    event.preventDefault();
    const given = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    location.hash = listAddress(Object.fromEntries(given.filter(([, value]) => value)));
  }
}

function noMatch() {
  const link = h("p", {}, h("a", { href: address("imports") }, "Clear filters"));
  return empty("No import matches", "Change the filters, or clear them to see all imports.", link);
}

function unsearched(since) {
  if (since === null || since === undefined) return null;
  const words = "There are more imports than one search reads. Imports from before ";
  return notice(
    "warn",
    "Older imports were not searched",
    h(
      "p",
      {},
      words,
      format.moment(since),
      " are not in this list. Choose an earlier period to search them.",
    ),
  );
}

function importButton() {
  if (mayChange()) return h("a", { class: "button primary", href: address("new-import") }, "Import file");
  return unavailable(
    "Import file",
    "Read-only: only users in the group “operators” can import files. Ask your administrator.",
    "primary",
  );
}

function nothing() {
  const words =
    "An import records payments made outside this system: it reduces balances by the amounts in a report. " +
    "Create a report first.";
  return empty("No imports yet", words, h("p", {}, h("a", { href: address("reports") }, "Create report")));
}

/** Without the previews that were started: their import links to them. */
export function folded(records) {
  return records.filter((record) => !(record.dryRun && record.startedAs));
}

// A list, read again while something in it is in progress.
export function keepShowing(place, path, signal, show) {
  let shown = false;
  follow(
    path,
    signal,
    (found) => {
      fill(place, show(found));
      shown = true;
      return !found.data.some(moves);
    },
    (error, now) => error && !shown && fill(place, unreachable("", now)),
  ).catch((error) =>
    fill(
      place,
      failure(error, () => keepShowing(place, path, signal, show)),
    ),
  );
}

/** Whether an import is in progress. One whose file has not arrived within minutes most likely never gets one. */
export function moves(record) {
  if (record.dateCompleted !== null || record.status === "AWAITING_APPROVAL") return false;
  return record.status !== "PENDING" || Date.now() - Number(record.dateCreated) < 120_000;
}

export function importsTable(records) {
  return table(
    "Imports, newest first",
    [
      { name: "File", wide: true, of: fileCell },
      {
        name: "Created",
        of: (each) => [format.moment(each.dateCreated), h("span", { class: "id" }, who(each))],
      },
      { name: "Status", of: statusCell },
      { name: "Rows", number: true, of: (each) => (each.stats.rows ? format.count(each.stats.rows) : "–") },
      { name: "Outcomes", of: summary },
      { name: "Redeemed", number: true, of: redeemedCell },
    ],
    records,
  );
}

function fileCell(record) {
  const file = h("a", { href: address("import", record.id), id: `import-${record.id}` }, record.fileName);
  const preview = record.startedFrom
    ? [
        " · ",
        h(
          "a",
          { href: address("import", record.startedFrom), "aria-label": `Preview of ${record.fileName}` },
          "preview",
        ),
      ]
    : null;
  return [file, h("span", { class: "id" }, kindOf(record), preview)];
}

function statusCell(record) {
  return [
    badge(importStatus(record)),
    record.reversedBy ? h("span", { class: "id" }, "has a reversal") : null,
  ];
}

function redeemedCell(record) {
  const shown = values(record.stats.redeemed, record.stats.decimals);
  const previewed = record.dryRun && outcomes.count(record, "REDEEMED") > 0;
  return [shown, previewed ? h("span", { class: "id" }, "in the preview") : null];
}

function summary(record) {
  if (record.error) return record.error.message;
  const found = record.stats.summary;
  if (!found.length) return "–";
  return h(
    "ul",
    { class: "values" },
    found.map(({ rows, label }) => h("li", {}, `${format.count(rows)} ${label}`)),
  );
}
