// What the audit log's actions and objects are called, and where their pages are.

import { h } from "./dom.js";
import * as format from "./format.js";
import { address } from "./router.js";

export const ACTIONS = {
  EXPORT_REQUESTED: "Report requested",
  EXPORT_COMPLETED: "Report created",
  EXPORT_FAILED: "Report failed",
  EXPORT_RESUMED: "Report resumed",
  OVERVIEW_REQUESTED: "Balance overview requested",
  IMPORT_CREATED: "Import created",
  IMPORT_ARRIVED: "File received",
  IMPORT_STARTED: "Import started from a preview",
  IMPORT_SEALED: "Rows checked",
  IMPORT_APPROVED: "Import approved",
  IMPORT_DECLINED: "Import declined",
  IMPORT_CANCELLED: "Import cancelled",
  IMPORT_RESUMED: "Import resumed",
  IMPORT_REVERSED: "Import reversed",
  IMPORT_COMPLETED: "Import ended",
  IMPORT_ABORTED: "Rejected, declined or expired",
  DOWNLOADED: "File downloaded",
  LINK_OPENED: "Download link opened",
  LINKS_REVOKED: "Download links revoked",
  REWARD_CREATED: "Reward created",
  REWARD_CANCELLED: "Reward cancelled",
  REWARD_REDEEMED: "Redeemed from a reward",
  BALANCE_REDEEMED: "Redeemed from a balance",
  PARTICIPANT_BLOCKED: "Participant blocked",
  KEY_CREATED: "API key created",
  KEY_REVOKED: "API key revoked",
  REQUESTS_REJECTED: "Requests rejected",
};

export const actionWords = (action) => ACTIONS[action] || action;

/** Who did something, in words. */
export function actorWords(actor) {
  if (actor.startsWith("function/")) return "the service";
  if (actor === "link") return "somebody with the link";
  if (actor === "unknown") return "an unknown caller";
  return actor === "S3" ? "upload bucket" : actor;
}

const PAGES = { import: "import", export: "report" };

/** The name of an object, as a link where it has a page. */
export function objectLink(object) {
  const [kind, id] = object.split("/");
  const page = id && Object.hasOwn(PAGES, kind) ? PAGES[kind] : "";
  return page ? h("a", { href: address(page, id) }, object) : object;
}

/** The details of an entry in one line; amounts with their unit's decimals. */
export function detailWords({ details, decimals }) {
  const known = (credits, unit) => Number.isInteger(credits) && Object.hasOwn(decimals, unit);
  const amount = (credits, unit) =>
    known(credits, unit) ? `${format.value(credits, decimals[unit])} ${unit}` : `${credits} ${unit}`;
  const shown = (name, value) => {
    if (name === "amount") return amount(value, details.unit);
    if (name === "requested" && typeof value === "object")
      return format
        .totals(value)
        .map(([unit, credits]) => amount(credits, unit))
        .join(", ");
    if (name.startsWith("date") && Number.isInteger(value)) return format.momentText(value);
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  return Object.entries(details)
    .filter(([name, value]) => name !== "requestId" && value !== null && value !== "")
    .filter(([name, value]) => name !== "requested" || Object.keys(value).length)
    .filter(([name]) => name !== "unit" || !Object.hasOwn(details, "amount"))
    .map(([name, value]) => `${name}: ${shown(name, value)}`)
    .join(" · ");
}
