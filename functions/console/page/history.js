// Imports and exports, newest first: who, when, what, how much.

import { follow } from "./api.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import * as outcomes from "./outcomes.js";
import { exportsTable } from "./reports.js";
import { empty, failure, heading, loading, pager, status, table, unreachable, values, who } from "./ui.js";

const SIZE = 20;

const STATUS = { PENDING: "waiting for its file", VALIDATING: "being read", PROCESSING: "running", COMPLETED: "done", ABORTED: "not accepted", CANCELLED: "cancelled" };

export function view(root, { id, query, signal }) {
  const exports = id === "exports";
  const page = Math.max(0, Number.parseInt(query.get("page") || "1", 10) - 1) || 0;
  const list = h("section", { class: "card", "aria-label": exports ? "Reports" : "Imports" });
  const tab = (name, to, current) => h("li", {}, h("a", { href: to, "aria-current": current ? "true" : null }, name));
  const tabs = h("nav", { class: "tabs", "aria-label": "History of" }, h("ul", {}, tab("Imports", "#/history", !exports), tab("Reports", "#/history/exports", exports)));
  fill(root, heading("History"), tabs, list);
  fill(list, loading(6));
  const kind = exports ? "export" : "import";
  keepShowing(list, `/${kind}/history/list?limit=${SIZE}&offset=${page * SIZE}`, signal, (found) => {
    const shown = exports ? exportsTable(found.data) : importsTable(found.data);
    const turn = (to) => (location.hash = `#/history${exports ? "/exports" : ""}?page=${to + 1}`);
    return [shown, found.totalCount > SIZE ? pager(page, SIZE, found.totalCount, turn) : null];
  });
}

// A list, read again while something in it is under way.
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
    () => shown || fill(place, unreachable()),
  ).catch((error) => fill(place, failure(error, () => keepShowing(place, path, signal, show))));
}

// An order whose file has not come within minutes will most likely never get one.
function moves(record) {
  if (record.dateCompleted !== null) return false;
  return record.status !== "PENDING" || Date.now() - Number(record.dateCreated) < 120_000;
}

export function kindOf(record) {
  if (record.reverses) return "Reversal";
  if (record.type === "REWARD") return "Rewards loaded";
  return record.dryRun ? "Preview" : "Redemption";
}

export function importsTable(records) {
  if (!records.length) return empty("No imports yet", "Order a report, fill in valueToRedeem, and import it.", h("p", {}, h("a", { href: "#/import" }, "Import a file")));
  return table(
    "Imports, newest first",
    [
      { name: "File", wide: true, of: (each) => [h("a", { href: `#/import/${each.id}`, id: `import-${each.id}` }, each.fileName), h("span", { class: "id" }, kindOf(each))] },
      { name: "When", of: (each) => [format.moment(each.dateCreated), h("span", { class: "id" }, who(each))] },
      { name: "Status", of: (each) => [status(each.status, STATUS[each.status]), each.reversedBy ? h("span", { class: "id" }, "has a reversal") : null] },
      { name: "Rows", number: true, of: (each) => (each.stats.rows ? format.count(each.stats.rows) : "–") },
      { name: "Outcomes", of: summary },
      { name: "Redeemed", number: true, of: (each) => (each.dryRun ? [values(each.stats.redeemed, each.stats.decimals), each.stats.outcomes.REDEEMED ? h("span", { class: "id" }, "in preview") : null] : values(each.stats.redeemed, each.stats.decimals)) },
    ],
    records,
  );
}

function summary(record) {
  if (record.error) return record.error.message;
  const found = outcomes.tally(record);
  return found.length ? h("ul", { class: "values" }, found.map(([rows, words]) => h("li", {}, `${format.count(rows)} ${words}`))) : "–";
}
