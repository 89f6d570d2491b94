// The index of imports, newest first. A preview is folded into the import that it became.

import { unavailable } from "./actions.js";
import { follow } from "./api.js";
import { fill, h } from "./dom.js";
import { failure, unreachable } from "./errors.js";
import * as format from "./format.js";
import * as outcomes from "./outcomes.js";
import { address, pageNumber } from "./router.js";
import { badge, importStatus, kindOf } from "./status.js";
import { pager, table, values } from "./table.js";
import { empty, heading, loading, mayChange, who } from "./ui.js";

const SIZE = 50;

export function view(root, { query, signal }) {
  const page = pageNumber(query);
  const list = h("section", { class: "card", "aria-label": "Imports" }, loading(6));
  fill(root, heading("Imports", importButton()), list);
  const to = (number) => `${address("imports")}?page=${number + 1}`;
  keepShowing(list, `/import/history/list?limit=${SIZE}&offset=${page * SIZE}`, signal, (found) => {
    if (!found.totalCount) return nothing();
    const pages =
      found.totalCount > SIZE ? pager(page, SIZE, found.totalCount, to, "import or preview") : null;
    return [importsTable(folded(found.data)), pages];
  });
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
  if (record.dateCompleted !== null) return false;
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
