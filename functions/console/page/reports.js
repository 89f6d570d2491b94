// Ordering reports, and the list of them.

import { follow, get, post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import * as session from "./session.js";
import { action, choice, download, empty, failure, field, heading, into, loading, status, table, unreachable, values, viewerNotice, who } from "./ui.js";

const SIZE = 20;

// Other names of the same reports, as the API takes them.
const ALIASES = { USER_REWARD_BALANCE: "REWARD_BALANCE", "QUERY/REDEEMABLE_REWARD_BALANCE": "REDEEMABLE_REWARD_BALANCE" };

export const TYPES = {
  REDEEMABLE_REWARD_BALANCE: ["Available reward balances by user", "To pay from, fill in and import again."],
  REWARD_BALANCE: ["Reward balances by user", "Every balance with its totals, to look at."],
  REWARD: ["Reward details", "Every reward. Its CSV file can be loaded again."],
};

const STATUS = { PENDING: "being made", COMPLETED: "ready", ABORTED: "not made", EXPIRED: "expired" };

export function view(root, { signal }) {
  const list = h("section", { class: "card", "aria-labelledby": "list-title" });
  const again = () => showList(list, signal);
  const form = h("section", { class: "card", "aria-labelledby": "order-title" });
  fill(root, heading("Reports"), form, list);
  fill(form, h("h2", { id: "order-title" }, "Order a report"), loading(4));
  if (session.isOperator()) into(form, signal, async () => order(await get("/units", signal), again));
  else fill(form, h("h2", { id: "order-title" }, "Order a report"), viewerNotice());
  again();
}

function order(units, done) {
  const types = h(
    "fieldset",
    { class: "types" },
    h("legend", {}, "What"),
    Object.entries(TYPES).map(([type, [title, use]], place) => h("div", {}, h("input", { type: "radio", name: "type", value: type, id: `type-${place}`, checked: place === 0, "aria-describedby": `use-${place}` }), h("label", { for: `type-${place}` }, title), h("p", { class: "hint", id: `use-${place}` }, use))),
  );
  const unit = h("select", { name: "unit" }, h("option", { value: "" }, "All units"), units.map((each) => h("option", { value: each.unit }, each.unit)));
  const name = h("input", { name: "name", maxlength: "200", autocomplete: "off", placeholder: "November payout" });
  const button = action("Order the report", send, { kind: "primary" });
  const form = h(
    "form",
    { on: { submit: (event) => (event.preventDefault(), button.click()) } }, // the Enter key
    types,
    h("div", { class: "row" }, field("Unit", unit), choice("Format", "format", [["XLSX", "Excel workbook"], ["CSV", "CSV"]], "XLSX"), field("Name (optional)", name)),
    h("div", { class: "buttons" }, button, h("p", { class: "mute" }, "You get an email with a link when it is ready.")),
  );
  return [h("h2", { id: "order-title" }, "Order a report"), form];

  async function send() {
    const given = new FormData(form);
    await post("/export", {
      type: given.get("type"),
      format: given.get("format"),
      name: given.get("name").trim() || null,
      params: given.get("unit") ? { unit: given.get("unit") } : {},
    });
    announce("The report is ordered");
    name.value = "";
    done();
  }
}

let latest = 0;

function showList(card, signal) {
  const title = h("h2", { id: "list-title" }, "Ordered lately");
  const place = h("div", {}, card.querySelector("table") ? [...card.lastChild.childNodes] : loading());
  fill(card, title, place);
  latest += 1;
  const own = latest;
  let before = new Set();
  follow(`/export/history/list?limit=${SIZE}`, signal, (page) => {
    if (own !== latest) return true; // a younger list has taken over
    const waiting = page.data.filter((each) => each.status === "PENDING");
    for (const each of page.data) if (before.has(each.id) && each.status !== "PENDING") announce(`${each.name} is ${STATUS[each.status]}`);
    before = new Set(waiting.map((each) => each.id));
    fill(place, exportsTable(page.data), page.totalCount > SIZE ? h("p", {}, h("a", { href: "#/history/exports" }, `All ${format.count(page.totalCount)} reports`)) : null);
    return waiting.length === 0;
  }, (error) => error && fill(place, unreachable())).catch((error) => fill(place, failure(error, () => showList(card, signal))));
}

// What a report is limited to: ["CASH/USD", "createdSince 2026-11-01T00:00:00.000Z"].
function limits({ unit, programId, filter, ...dates }) {
  const found = [unit, programId].concat(
    Object.entries(filter || {}).map(([name, value]) => `${name} ${[value].flat().join(", ")}`),
    Object.entries(dates).map(([name, value]) => `${name} ${new Date(Number(value)).toISOString()}`),
  );
  const given = found.filter(Boolean);
  return unit || filter ? given : ["all units", ...given];
}

export function exportsTable(records) {
  if (!records.length) return empty("No reports yet", "Order one above. It takes a few seconds, some minutes where there are millions of balances.");
  return table(
    "Reports, newest first",
    [
      { name: "Report", wide: true, of: (each) => [h("span", { class: "strong" }, each.name), h("span", { class: "id" }, [...new Set([TYPES[ALIASES[each.type] || each.type]?.[0]])].filter((type) => type !== each.name).concat(limits(each.params), each.format).join(" · "))] },
      { name: "Ordered", of: (each) => [format.moment(each.dateCreated), h("span", { class: "id" }, who(each))] },
      { name: "Status", of: (each) => [status(each.status, STATUS[each.status]), each.error ? h("span", { class: "id" }, each.error.message) : null] },
      { name: "Rows", number: true, of: (each) => (each.recordCount === null ? "–" : format.count(each.recordCount)) },
      { name: "Available", number: true, of: (each) => values(each.totals, each.decimals) },
      { name: "Kept until", of: (each) => format.day(each.dateExpires) },
      { name: "File", acts: true, of: (each) => (each.status === "COMPLETED" ? download("Download", `/export/${each.id}/download`, { id: `download-${each.id}` }) : null) },
    ],
    records,
  );
}
