// A preview that has ended: what the import would do, and the button that starts it.

import { operatorAction, unavailable } from "./actions.js";
import { post } from "./api.js";
import { confirmStart } from "./confirm.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import * as outcomes from "./outcomes.js";
import { address } from "./router.js";
import { moneyTable } from "./table.js";
import { expectedWords, totalsCheck } from "./totals.js";
import { card, notice, paragraph } from "./ui.js";

export function previewed(state, record, explained) {
  if (record.status === "ABORTED") {
    return h("section", { class: "card" }, outcomes.rejection(record, explained), another());
  }
  if (record.status === "CANCELLED") {
    const words = "The preview was cancelled. Nothing was redeemed.";
    return h("section", { class: "card" }, notice("info", "Preview cancelled", paragraph(words)), another());
  }
  const redeems = outcomes.count(record, "REDEEMED");
  const isOpen = redeems > 0 && !record.startedAs;
  return [
    card(
      "What would happen",
      known(outcomes.count(record, "ALREADY_REDEEMED"), redeems),
      outcomes.figures(record),
      moneyTable("Amounts by unit", record.stats, "To redeem"),
      redeems || record.startedAs ? null : nothing(record),
      record.startedAs ? [expectedWords(record), started(record)] : steps(state, record, explained, isOpen),
    ),
    outcomes.warningsCard(explained),
    outcomes.problemsCard(explained, fix(isOpen)),
  ];
}

// The control totals, and the buttons. An import whose control totals differ cannot be started.
function steps(state, record, explained, isOpen) {
  if (!isOpen) return h("div", { class: "buttons" }, another("button"));
  const work = () => start(state, record, explained);
  const button = operatorAction("Start import", work, { kind: "primary", id: "start" });
  const place = h("div", { class: "buttons" });
  const totals = totalsCheck(record, (problem) =>
    fill(
      place,
      problem ? unavailable("Start import", problem, "primary", "start") : button,
      another("button"),
    ),
  );
  return [totals, place];
}

function started(record) {
  const link = h("a", { href: address("import", record.startedAs) }, "Show the import");
  return notice("info", null, paragraph("This preview was started. ", link));
}

function fix(isOpen) {
  const later =
    " Or start the import and correct failed.csv afterwards: redeemed rows are not redeemed twice.";
  return `Correct the rows in your file and preview it again.${isOpen ? later : ""}`;
}

// A file that was imported before, in whole or in part.
function known(repeated, redeems) {
  if (!repeated) return null;
  const title = redeems === 0 ? "This file was imported before" : "A part of this file was imported before";
  const verb = repeated === 1 ? "was" : "were";
  const words = `${format.rows(repeated)} ${verb} redeemed by an earlier import and will not be redeemed again.`;
  return notice("warn", title, paragraph(words));
}

function nothing(record) {
  const blank = record.stats.rows > 0 && outcomes.count(record, "UNCHANGED") === record.stats.rows;
  const words = blank
    ? "valueToRedeem is blank or 0 in every row. Enter the paid amounts, save the file, and choose it again."
    : "This file has no row that can be redeemed.";
  return notice("info", "Nothing to redeem", paragraph(words));
}

function another(kind = "") {
  const link = h("a", { href: address("new-import"), class: kind }, "Choose another file");
  return kind ? link : h("p", {}, link);
}

async function start(state, record, explained) {
  if (!(await confirmStart(record, explained))) return;
  const made = await post(`/import/${state.id}/start`);
  announce("The import has started");
  if (!state.signal.aborted) location.hash = address("import", made.id);
}
