// The page of one report.

import { download } from "./actions.js";
import { ApiError, follow } from "./api.js";
import { fill, h } from "./dom.js";
import { failure, unreachable } from "./errors.js";
import * as format from "./format.js";
import { revokeLinks } from "./links.js";
import { inWords } from "./reportfilters.js";
import { address } from "./router.js";
import { badge, reportStatus } from "./status.js";
import { table } from "./table.js";
import { timeline } from "./timeline.js";
import {
  card,
  crumb,
  emailNotice,
  heading,
  loading,
  notice,
  paragraph,
  progress,
  titled,
  who,
} from "./ui.js";

// Other names of the same reports, as the API takes them.
const ALIASES = {
  USER_REWARD_BALANCE: "REWARD_BALANCE",
  "QUERY/REDEEMABLE_REWARD_BALANCE": "REDEEMABLE_REWARD_BALANCE",
};

export const TYPES = {
  REDEEMABLE_REWARD_BALANCE: [
    "Available reward balances by user",
    "What can be paid out. Fill it in, then import it.",
  ],
  REWARD_BALANCE: ["Reward balances by user", "Every balance with its totals, for reference."],
  REWARD: ["Reward details", "Every reward with its dates and amounts, for reference."],
};

export function view(root, { parts: [id], signal }) {
  const place = h("div", { class: "stack" }, h("section", { class: "card" }, loading(5)));
  const status = h("span", { class: "headstatus" });
  const title = heading("Report", status);
  const about = h("p", { class: "mute about" });
  const history = timeline("export", signal);
  fill(root, crumb(address("reports"), "Reports"), title, about, place, history.box);
  watch({ id, signal, place, status, about, history, title: title.firstChild });
}

function watch(state) {
  const { id, signal, place } = state;
  follow(
    `/export/${encodeURIComponent(id)}`,
    signal,
    (record) => {
      state.title.textContent = record.name;
      titled(record.name);
      fill(state.status, badge(reportStatus(record)));
      fill(state.about, format.moment(record.dateCreated), " · ", who(record));
      state.history.show(record);
      fill(place, record.status === "PENDING" ? underway() : [emailNotice(record), ended(record)]);
      return record.status !== "PENDING";
    },
    (error, now) => error && fill(place, unreachable("The service continues to create the report. ", now)),
  ).catch((error) =>
    fill(
      place,
      failure(explained(error), () => watch(state)),
    ),
  );
}

function explained(error) {
  if (error.status !== 404) return error;
  const words = "No report has this id. It belongs to another stack, or is no longer kept.";
  return new ApiError(404, error.code, words, error.requestId);
}

function underway() {
  const meter = progress("Creating the report…");
  meter.show(null, "A few seconds, or some minutes with millions of balances");
  const leave = h("p", { class: "mute" }, "You can leave this page; we'll email you when it's done.");
  return h("section", { class: "card", "aria-label": "Progress" }, meter.box, leave);
}

function ended(record) {
  const again = paragraph(h("a", { href: address("reports") }, "Create a new report"));
  if (record.error)
    return card(
      "Failed",
      notice("bad", "The report could not be created", paragraph(record.error.message)),
      again,
    );
  const expired = record.status === "EXPIRED";
  return [
    card(
      "File",
      h(
        "dl",
        { class: "facts" },
        facts(record).map(([name, shown]) => [h("dt", {}, name), h("dd", {}, shown)]),
      ),
      expired ? [notice("info", null, paragraph("The file is no longer available.")), again] : null,
      h("div", { class: "buttons" }, reportDownload(record, "primary"), links(record)),
    ),
    amounts(record),
  ];
}

function facts(record) {
  return [
    ["Type", TYPES[ALIASES[record.type] || record.type]?.[0] || record.type],
    ["Filters", separated(inWords(record))],
    ["Format", record.format],
    ["Rows", record.recordCount === null ? "–" : format.count(record.recordCount)],
    ["Created", format.moment(record.dateCreated)],
    ["Ready", format.moment(record.dateCompleted)],
    ["Kept until", format.moment(record.dateExpires)],
  ];
}

function amounts(record) {
  const found = format.totals(record.totals);
  if (!found.length) return null;
  const columns = [
    { name: "Unit", of: ([unit]) => unit },
    {
      name: "Available",
      number: true,
      of: ([unit, credits]) => format.value(credits, record.decimals?.[unit]),
    },
  ];
  return card("Available by unit", h("div", { class: "money" }, table("Available by unit", columns, found)));
}

export function reportDownload(record, kind = "") {
  if (record.status !== "COMPLETED") return null;
  return download("Download", `/export/${record.id}/download`, { id: `download-${record.id}`, kind });
}

function links(record) {
  return record.status === "COMPLETED" ? revokeLinks(`/export/${record.id}`) : null;
}

/** What a report is, below its name. */
export function subtitle(record) {
  const type = TYPES[ALIASES[record.type] || record.type]?.[0];
  return separated([type === record.name ? null : type, ...inWords(record), record.format].filter(Boolean));
}

const separated = (parts) => parts.map((part, place) => (place ? [" · ", part] : part));
