// An import that has ended: its result, its files, and its reversal.

import { download, operatorAction } from "./actions.js";
import { decided, endedWaiting, notApproved } from "./approval.js";
import { post } from "./api.js";
import { confirmReverse } from "./confirm.js";
import { announce, h } from "./dom.js";
import * as format from "./format.js";
import { revokeLinks } from "./links.js";
import * as outcomes from "./outcomes.js";
import { address } from "./router.js";
import { importStatus } from "./status.js";
import { moneyTable, requestedTable, returnedTable } from "./table.js";
import { expectedWords } from "./totals.js";
import { card, notice, paragraph } from "./ui.js";

const CANCELLED_UNREAD = "The import was cancelled before its rows were checked. Nothing was redeemed.";
const CANCELLED_WAITING = "The import was cancelled before it was approved. Nothing was changed.";
const FIX = "Download failed.csv, correct the rows, and import it again.";

export function imported(state, record, explained) {
  const failed = outcomes.failedRows(explained);
  const hasRows = record.stats.rows > 0;
  const hasResults = hasRows && !endedWaiting(record);
  const file =
    failed && !record.reverses && hasResults
      ? download("Download failed.csv", `/import/${state.id}/failed`, { id: "failed" })
      : null;
  return [
    card(
      importStatus(record, isReversed(state.reversal)),
      decided(record),
      notApproved(record),
      record.error && !endedWaiting(record) ? outcomes.rejection(record, explained) : null,
      record.status === "CANCELLED" && endedWaiting(record) ? paragraph(CANCELLED_WAITING) : null,
      record.status === "CANCELLED" && !hasRows ? paragraph(CANCELLED_UNREAD) : null,
      hasResults ? outcomes.figures(record) : null,
      hasResults ? money(record) : requestedTable(record.stats),
      hasRows ? expectedWords(record) : null,
      record.receipt ? receipt(record.receipt) : null,
      reversalNotice(state.reversal),
      h(
        "div",
        { class: "buttons" },
        hasResults ? results(state) : null,
        record.receipt ? receiptFile(state) : null,
        reverseButton(state, record),
        links(state, record),
      ),
    ),
    outcomes.warningsCard(explained),
    outcomes.problemsCard(explained, record.reverses ? "" : FIX, file),
  ];
}

function money(record) {
  if (record.reverses) return returnedTable(record.stats);
  if (record.type === "REWARD")
    return moneyTable("Amounts by unit", record.stats, null, "Assigned in the file");
  return moneyTable("Amounts by unit", record.stats, "Redeemed");
}

function results(state) {
  return download("Download results.csv", `/import/${state.id}/results`, { id: "results" });
}

function receiptFile(state) {
  return download("Download receipt", `/import/${state.id}/receipt`, { kind: "quiet", id: "receipt" });
}

function receipt({ sequence, digest }) {
  const code = h("code", { class: "digest" }, digest);
  return h("p", { class: "mute" }, `Receipt No. ${format.count(sequence)}, SHA-256 `, code);
}

function links(state, record) {
  return record.dateExpires === null ? null : revokeLinks(`/import/${state.id}`);
}

// --- Reversal ---

/** Whether a reversal returned everything that an import redeemed. */
export function isReversed(reversal) {
  return Boolean(reversal && reversal.dateCompleted !== null && !leftSome(reversal));
}

// Whether a reversal has ended without returning everything.
function leftSome(reversal) {
  const { dateCompleted, stats } = reversal;
  return dateCompleted !== null && (stats.processed < stats.rows || outcomes.anyFailed(reversal));
}

function isReversible(record, reversal) {
  if (record.type === "REWARD" || record.reverses || outcomes.count(record, "REDEEMED") === 0) return false;
  return !reversal || leftSome(reversal);
}

function reverseButton(state, record) {
  if (!isReversible(record, state.reversal)) return null;
  const label = state.reversal ? "Reverse remaining rows" : "Reverse import";
  return operatorAction(label, () => reverse(state, record), { kind: "danger", id: "reverse" });
}

function reversalNotice(reversal) {
  if (!reversal) return null;
  const link = h("a", { href: address("import", reversal.id) }, "Show the reversal");
  return notice("warn", null, paragraph(reversalWords(reversal), " ", link));
}

function reversalWords(reversal) {
  if (reversal.dateCompleted === null) return "This import is being reversed.";
  if (leftSome(reversal)) return "A reversal returned a part of what this import redeemed.";
  return "This import was reversed: what it redeemed was returned to the rewards.";
}

async function reverse(state, record) {
  if (!(await confirmReverse(record, Boolean(state.reversal)))) return;
  const made = await post(`/import/${state.id}/reverse`);
  announce("The reversal has started");
  if (!state.signal.aborted) location.hash = address("import", made.id);
}
