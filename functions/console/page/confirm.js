// The dialogs before an import is started, cancelled or reversed: the file, the money, and what to know.

import { h } from "./dom.js";
import { dialog } from "./errors.js";
import * as format from "./format.js";
import * as outcomes from "./outcomes.js";
import { moneyTable } from "./table.js";
import { notice } from "./ui.js";

/** A money table of many units scrolls inside of the dialog, by keyboard as well. */
function scrolled(label, content) {
  return content
    ? h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, content)
    : null;
}

const file = (record) => h("p", {}, "File: ", h("strong", {}, record.fileName));

function list(...items) {
  return h(
    "ul",
    {},
    items.filter(Boolean).map((each) => h("li", {}, each)),
  );
}

export function confirmStart(record, explained) {
  const redeems = outcomes.count(record, "REDEEMED");
  const failed = outcomes.failedRows(explained);
  const again = outcomes.count(record, "ALREADY_REDEEMED");
  const skipped = outcomes.count(record, "UNCHANGED");
  const none = list(
    failed ? `${format.rows(failed)} with errors will not be redeemed.` : null,
    again ? `${format.rows(again)} redeemed by an earlier import will not be redeemed again.` : null,
    skipped ? `${format.rows(skipped)} with 0 or a blank amount will be skipped.` : null,
    "No participant is paid: payments are made outside this system.",
    "A balance that is lower than the amount in its row is not reduced; the row fails.",
  );
  return dialog(
    "Start import?",
    [
      file(record),
      h("p", {}, `This redeems ${format.rows(redeems)}.`),
      scrolled("Amounts", moneyTable("Amounts", record.stats, "To redeem")),
      h("p", { class: "strong" }, "What will not happen"),
      none,
      record.allowDuplicate ? duplicates() : null,
      warned(explained),
    ],
    [
      ["Cancel", "", ""],
      ["Start import", "yes", "primary"],
    ],
    { tone: "roomy" },
  );
}

function duplicates() {
  const words =
    "The check for duplicate files is off: rows without a rowId that were imported before are redeemed again.";
  return notice("warn", null, h("p", {}, words));
}

function warned(explained) {
  const found = explained.warnings;
  if (!found.length) return null;
  const line = (each) =>
    h("li", {}, h("span", { class: "strong" }, each.title), `: ${format.rows(each.rows)}. ${each.meaning}`);
  return notice("warn", "Warnings", h("ul", {}, found.map(line)));
}

export function confirmCancel(record) {
  const verb = record.reverses ? "reversal" : "import";
  const none = record.reverses
    ? list("Rows that are already reversed stay reversed.", "The remaining rows are not reversed.")
    : list(
        "Rows that are already redeemed stay redeemed.",
        "The remaining rows are not redeemed.",
        "You can reverse the import afterwards, or import its failed rows again.",
      );
  return dialog(
    `Cancel ${verb}?`,
    [
      file(record),
      record.status === "AWAITING_APPROVAL"
        ? h("p", {}, "It awaits approval. Nothing has been changed yet.")
        : h(
            "p",
            {},
            `${format.count(record.stats.processed)} of ${format.rows(record.stats.rows)} are processed.`,
          ),
      none,
    ],
    [
      [`Keep ${verb}`, "", ""],
      [`Cancel ${verb}`, "yes", "danger"],
    ],
    { tone: "danger" },
  );
}

/** @param {boolean} isRest whether an earlier reversal left some rows */
export function confirmReverse(record, isRest) {
  const redeemed = outcomes.count(record, "REDEEMED");
  const words = isRest
    ? "This returns the amounts that the last reversal did not return. Nothing is returned twice."
    : `This returns the redeemed amounts of ${format.rows(redeemed)}, each to the reward it came from.`;
  return dialog(
    "Reverse import?",
    [
      file(record),
      h("p", {}, words),
      scrolled("Amounts", moneyTable("Amounts", record.stats, "Redeemed")),
      h("p", { class: "strong" }, "Before you reverse"),
      list(
        "Payments made outside this system are not recalled.",
        "Amounts returned to rewards that have expired or were cancelled since then cannot be redeemed.",
        "A reversal cannot be reversed. Reversed rows can be redeemed again, by the same file or another one.",
      ),
    ],
    [
      ["Keep import", "", ""],
      ["Reverse import", "yes", "danger"],
    ],
    { tone: "danger roomy" },
  );
}
