// The first page: what needs attention, what is available, and the last imports and reports.

import { unavailable } from "./actions.js";
import { follow, get } from "./api.js";
import { fill, h } from "./dom.js";
import { failure, unreachable } from "./errors.js";
import * as format from "./format.js";
import { folded, importsTable, moves } from "./imports.js";
import { overviewCard } from "./overview.js";
import { reportsTable } from "./reports.js";
import { address } from "./router.js";
import { badge, importStatus } from "./status.js";
import { table, values } from "./table.js";
import { card, heading, into, loading, mayChange, muted, paragraph, who } from "./ui.js";

const HISTORY = "/import/history/list";
const SHOWN = 5;
const SEARCHED = 50; // the newest imports, in which those that need attention are found
const DAY = 86_400_000;
const WAITING = 15 * DAY; // after 14 days without an approval an import ends

export function view(root, { signal }) {
  const attention = h("div", { class: "stack" }, loading(2));
  const imports = h("div", { class: "stack" }, loading(4));
  const reports = h("div", { class: "stack" }, loading(4));
  const firstRead = watchImports(attention, imports, signal);
  fill(
    root,
    heading("Home", createButton()),
    card("Needs attention", attention),
    overviewCard(signal, firstRead),
    card("Last imports", imports),
    card("Last reports", reports),
  );
  into(reports, signal, async () => {
    const { data } = await get(`/export/history/list?limit=${SHOWN}`, signal);
    return data.length ? [reportsTable(data), toAll("reports")] : muted("No reports yet.");
  });
}

function createButton() {
  if (mayChange()) return h("a", { class: "button primary", href: address("reports") }, "Create report");
  return unavailable(
    "Create report",
    "Read-only: only users in the group “operators” can create reports. Ask your administrator.",
    "primary",
  );
}

const toAll = (page) => h("p", {}, h("a", { href: address(page) }, `All ${page}`));

// Resolves to the newest imports once they are read; shows them, and what needs attention among them, until
// none of them is in progress.
function watchImports(attention, imports, signal) {
  return new Promise((resolve) => {
    const begin = () =>
      watch().catch((error) => {
        if (signal.aborted) return;
        fill(attention, failure(error, begin));
        fill(imports, muted("The imports could not be read."));
      });
    begin();

    async function watch() {
      const waiting = await get(
        `${HISTORY}?status=AWAITING_APPROVAL&from=${Date.now() - WAITING}&limit=${SHOWN}`,
        signal,
      );
      await follow(
        `${HISTORY}?limit=${SEARCHED}`,
        signal,
        ({ data }) => {
          fill(attention, waitingForApproval(waiting), needingAttention(data, waiting.totalCount > 0));
          fill(imports, lastImports(data));
          resolve(data);
          return !data.some(moves);
        },
        (error, now) => error && fill(attention, unreachable("", now)),
      );
    }
  });
}

function lastImports(records) {
  const found = folded(records).slice(0, SHOWN);
  return found.length ? [importsTable(found), toAll("imports")] : muted("No imports yet.");
}

// What approvers compare with the payment before they open an import.
const WAITING_COLUMNS = [
  { name: "File", wide: true, of: waitingFile },
  { name: "Requested by", of: who },
  { name: "Requested", number: true, of: ({ stats }) => values(stats.requested, stats.decimals) },
  { name: "Rows", number: true, of: ({ stats }) => format.count(stats.rows) },
  { name: "Warnings", number: true, of: ({ stats }) => format.count(sum(stats.warnings)) },
];

const sum = (counts) => Object.values(counts).reduce((total, each) => total + each, 0);

function waitingFile(record) {
  const link = h("a", { href: address("import", record.id), id: `waiting-${record.id}` }, record.fileName);
  return [link, h("span", { class: "id" }, format.moment(record.dateCreated))];
}

function waitingForApproval({ data, totalCount }) {
  if (!totalCount) return null;
  const more = totalCount - data.length;
  const list = `${address("imports")}?status=AWAITING_APPROVAL`;
  return [
    h("p", { class: "strong" }, `${format.plural(totalCount, "import")} waiting for approval`),
    table("Imports waiting for approval", WAITING_COLUMNS, data),
    more > 0 ? paragraph(h("a", { href: list }, `${format.count(more)} more`)) : null,
  ];
}

function needingAttention(records, isOther) {
  const found = records.filter(needsAttention);
  if (!found.length) return isOther ? null : muted("Nothing needs your attention.");
  const more = found.length - SHOWN;
  const words = `And ${format.plural(more, "more import")} of the last 7 days. `;
  return [
    isOther ? h("p", { class: "strong" }, "With errors or stopped") : null,
    h("ul", { class: "listed" }, found.slice(0, SHOWN).map(line)),
    more > 0 ? paragraph(words, h("a", { href: address("imports") }, "All imports")) : null,
  ];
}

function needsAttention(record) {
  if (record.dryRun || record.reversedBy) return false;
  if (record.stalled) return true;
  const isRecent = Date.now() - Number(record.dateCreated) < 7 * DAY;
  return isRecent && ["Completed with errors", "Rejected"].includes(importStatus(record));
}

function line(record) {
  const link = h("a", { href: address("import", record.id), id: `attention-${record.id}` }, record.fileName);
  return h(
    "li",
    {},
    h("div", { class: "beside" }, link, record.stalled ? badge("Stopped") : badge(importStatus(record))),
    h("p", { class: "id" }, format.moment(record.dateCreated), " · ", who(record), " · ", reason(record)),
  );
}

function reason({ stalled, error, stats }) {
  if (stalled) return stalled.reason;
  if (error) return error.message;
  const failed = stats.summary.find((each) => each.group === "FAILED");
  return `${format.rows(failed.rows)} ${failed.label}`;
}
