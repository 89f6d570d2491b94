// Creating reports, and the index of them.

import { operatorAction } from "./actions.js";
import { get, post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import { keepShowing } from "./imports.js";
import { address, pageNumber } from "./router.js";
import { badge, reportStatus } from "./status.js";
import { pager, table, values } from "./table.js";
import { choice, empty, field, heading, into, loading, who } from "./ui.js";
import { reportDownload, subtitle, TYPES } from "./report.js";
import { paymentFields, paymentParams } from "./reportfilters.js";

const SIZE = 50;

export function view(root, { query, signal }) {
  const list = h("section", { class: "card", "aria-labelledby": "list-title" });
  const form = h("section", { class: "card", "aria-labelledby": "create-title" }, loading(4));
  fill(root, heading("Reports"), form, list);
  let shown = new AbortController();
  signal.addEventListener("abort", () => shown.abort());
  const again = () => {
    shown.abort(); // the list that is followed now
    shown = new AbortController();
    showList(list, pageNumber(query), shown.signal);
  };
  into(form, signal, async () => createForm(await get("/units", signal), again));
  fill(list, h("h2", { id: "list-title" }, "All reports"), h("div", {}, loading(6)));
  again();
}

function typeChoice([type, [title, use]], place) {
  const id = `type-${place}`;
  const hint = `use-${place}`;
  const input = h("input", {
    type: "radio",
    name: "type",
    value: type,
    id,
    checked: place === 0,
    "aria-describedby": hint,
  });
  return h("div", {}, input, h("label", { for: id }, title), h("p", { class: "hint", id: hint }, use));
}

function createForm(units, done) {
  const types = h(
    "fieldset",
    { class: "types" },
    h("legend", {}, "Type"),
    Object.entries(TYPES).map(typeChoice),
  );
  const options = units.map((each) => h("option", { value: each.unit }, each.unit));
  const unit = h("select", { name: "unit" }, h("option", { value: "" }, "All units"), options);
  const name = h("input", {
    name: "name",
    maxlength: "200",
    autocomplete: "off",
    placeholder: "November payout",
  });
  const formats = [
    ["XLSX", "Excel workbook"],
    ["CSV", "CSV"],
  ];
  const button = operatorAction("Create report", send, { kind: "primary" });
  const press = (event) => {
    event.preventDefault(); // the Enter key
    (button.matches("button") ? button : button.querySelector("button")).click();
  };
  const payment = paymentFields(unit, units);
  types.addEventListener("change", () => (payment.hidden = !isForPayment()));
  const form = h(
    "form",
    { on: { submit: press } },
    types,
    h(
      "div",
      { class: "row" },
      field("Unit", unit),
      choice("Format", "format", formats, "XLSX"),
      field("Name (optional)", name),
    ),
    payment,
    h(
      "div",
      { class: "buttons" },
      button,
      h("p", { class: "mute" }, "You get an email with a link when it is ready."),
    ),
  );
  return [h("h2", { id: "create-title" }, "Create report"), form];

  async function send() {
    const given = new FormData(form);
    const unitParams = given.get("unit") ? { unit: given.get("unit") } : {};
    await post("/export", {
      type: given.get("type"),
      format: given.get("format"),
      name: String(given.get("name")).trim() || null,
      params: { ...unitParams, ...(isForPayment() ? paymentParams(given, units) : {}) },
    });
    announce("The report is being created");
    name.value = "";
    done();
  }

  function isForPayment() {
    return new FormData(form).get("type") === "REDEEMABLE_REWARD_BALANCE";
  }
}

function showList(card, page, signal) {
  let waiting = new Set();
  const to = (number) => `${address("reports")}?page=${number + 1}`;
  keepShowing(card.lastChild, `/export/history/list?limit=${SIZE}&offset=${page * SIZE}`, signal, (found) => {
    for (const each of found.data) {
      if (waiting.has(each.id) && each.status !== "PENDING") announce(`${each.name}: ${reportStatus(each)}`);
    }
    waiting = new Set(found.data.filter((each) => each.status === "PENDING").map((each) => each.id));
    if (!found.totalCount) return nothing();
    return [
      reportsTable(found.data),
      found.totalCount > SIZE ? pager(page, SIZE, found.totalCount, to, "report") : null,
    ];
  });
}

function nothing() {
  const words =
    "A report lists what can be paid out. Create one above; it takes a few seconds, or some minutes with millions " +
    "of balances.";
  return empty("No reports yet", words);
}

export function reportsTable(records) {
  const name = (each) => [
    h("a", { href: address("report", each.id), id: `report-${each.id}` }, each.name),
    h("span", { class: "id" }, subtitle(each)),
  ];
  const columns = [
    { name: "Report", wide: true, of: name },
    {
      name: "Created",
      of: (each) => [format.moment(each.dateCreated), h("span", { class: "id" }, who(each))],
    },
    {
      name: "Status",
      of: (each) => [
        badge(reportStatus(each)),
        each.error ? h("span", { class: "id" }, each.error.message) : null,
      ],
    },
    {
      name: "Rows",
      number: true,
      of: (each) => (each.recordCount === null ? "–" : format.count(each.recordCount)),
    },
    { name: "Available", number: true, of: (each) => values(each.totals, each.decimals) },
    { name: "Kept until", of: (each) => format.day(each.dateExpires) },
    { name: "File", acts: true, of: reportDownload },
  ];
  return table("Reports, newest first", columns, records);
}
