// The audit log, for administrators: filters in the address, entries newest first, and all of them as CSV.

import { action } from "./actions.js";
import { get } from "./api.js";
import { csv } from "./csv.js";
import { announce, fill, h } from "./dom.js";
import { ACTIONS, actionWords, actorWords, detailWords, objectLink } from "./events.js";
import * as format from "./format.js";
import { address } from "./router.js";
import * as session from "./session.js";
import { administratorsOnly, toSettings } from "./settings.js";
import { table } from "./table.js";
import { card, empty, field, heading, into, loading, muted, notice, paragraph, titled } from "./ui.js";

const SIZE = 100;
const MOST = 10_000; // entries of one CSV file
const DAY = 86_400_000;
const FILTERS = ["from", "to", "actor", "object", "action"];

export function view(root, { query, signal }) {
  titled("Audit log");
  if (!session.user().isAdministrator) {
    fill(root, heading("Audit log"), administratorsOnly());
    return;
  }
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) || ""]));
  const list = h("div", {}, loading(6));
  fill(
    root,
    toSettings(),
    heading("Audit log"),
    h(
      "p",
      { class: "mute about" },
      "Who did what, and when. Entries can be neither changed nor deleted here.",
    ),
    card("Filters", filterForm(chosen)),
    card("Entries", list),
  );
  into(list, signal, () => entriesList(chosen, signal));
}

function filterForm(chosen) {
  const input = (name, attributes = {}) =>
    h("input", { name, value: chosen[name], autocomplete: "off", ...attributes });
  const options = Object.entries(ACTIONS).map(([value, label]) =>
    h("option", { value, selected: value === chosen.action }, label),
  );
  const kinds = h("select", { name: "action" }, h("option", { value: "" }, "All actions"), options);
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const kept = FILTERS.map((name) => [name, String(given.get(name)).trim()]).filter(([, value]) => value);
    const search = new URLSearchParams(kept).toString();
    location.hash = address("audit") + (search ? `?${search}` : "");
  };
  return h(
    "form",
    { on: { submit } },
    h(
      "div",
      { class: "row" },
      field("From", input("from", { type: "date" })),
      field("To", input("to", { type: "date" })),
    ),
    h(
      "div",
      { class: "row" },
      field(
        "Who",
        input("actor", { maxlength: "1000" }),
        "An email address, or an API key as it is shown below.",
      ),
      field(
        "Object",
        input("object", { maxlength: "1000" }),
        "For example import/06gzzx7rv0b59snh, or participant/ACCOUNT/USER with percent-encoded ids.",
      ),
      field("Action", kinds),
    ),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "submit", class: "primary" }, "Apply filters"),
      h("a", { class: "button", href: address("audit") }, "Clear filters"),
    ),
  );
}

// The parameters of the API; a day that is named as the end belongs to the period.
function parameters(chosen) {
  const found = new URLSearchParams({ limit: String(SIZE) });
  const begins = (day) => new Date(`${day}T00:00`).getTime();
  if (begins(chosen.from)) found.set("from", String(begins(chosen.from)));
  if (begins(chosen.to)) found.set("to", String(begins(dayAfter(chosen.to))));
  for (const name of ["actor", "object", "action"]) if (chosen[name]) found.set(name, chosen[name]);
  return found;
}

// Not 24 hours later: a day may be longer or shorter.
function dayAfter(day) {
  return new Date(Date.parse(day) + DAY).toISOString().slice(0, 10);
}

async function page(chosen, cursor, signal) {
  const asked = parameters(chosen);
  if (cursor) asked.set("cursor", cursor);
  return get(`/audit?${asked}`, signal);
}

async function entriesList(chosen, signal) {
  const first = await page(chosen, null, signal);
  const found = [...first.entries];
  let cursor = first.cursor;
  const place = h("div", {});
  show();
  return place;

  function show() {
    const rest = cursor
      ? [
          found.length
            ? null
            : muted("Nothing was found yet. The search has not reached the oldest entries."),
          h("div", { class: "buttons" }, action("Show older entries", older, { id: "older" })),
        ]
      : null;
    if (!found.length && !cursor) return fill(place, nothing(chosen));
    const all = action("Download as CSV", () => downloadAll(chosen, signal), { id: "audit-csv" });
    return fill(
      place,
      found.length ? [h("div", { class: "buttons" }, all), entriesTable(found)] : null,
      rest,
    );
  }

  async function older() {
    const next = await page(chosen, cursor, signal);
    found.push(...next.entries);
    cursor = next.cursor;
    announce(`${format.plural(next.entries.length, "entry", "entries")} more`);
    show();
  }
}

function nothing(chosen) {
  if (FILTERS.some((name) => chosen[name])) return empty("No entries", "Nothing matches these filters.");
  const words =
    "Every request that changes something, every download and every step of an import is recorded here.";
  return empty("No entries yet", words);
}

function entriesTable(entries) {
  const columns = [
    { name: "When", of: (each) => format.moment(each.date) },
    { name: "Who", of: (each) => actorWords(each.actor) },
    { name: "Action", of: (each) => actionWords(each.action) },
    {
      name: "Object",
      wide: true,
      of: (each) => [objectLink(each.object), h("span", { class: "id" }, detailWords(each))],
    },
  ];
  return h("div", { class: "audit" }, table("Entries of the audit log, newest first", columns, entries));
}

async function downloadAll(chosen, signal) {
  const found = [];
  let cursor = null;
  do {
    const next = await page(chosen, cursor, signal);
    found.push(...next.entries);
    cursor = next.cursor;
  } while (cursor && found.length < MOST);
  const rows = found.map(({ id, date, actor, action: done, object, details }) => [
    new Date(Number(date)).toISOString(),
    actor,
    done,
    object,
    JSON.stringify(details),
    id,
  ]);
  const text = csv([["date", "actor", "action", "object", "details", "id"], ...rows]);
  save(`\ufeff${text}`, "audit-log.csv");
  announce(`${format.plural(found.length, "entry", "entries")} downloaded`);
  if (cursor) {
    const most = format.count(found.length);
    const words = `The file has the newest ${most} entries. Choose a shorter period for older ones.`;
    document.getElementById("audit-csv")?.after(notice("info", null, paragraph(words)));
  }
}

function save(text, name) {
  const url = window.URL.createObjectURL(new window.Blob([text], { type: "text/csv;charset=utf-8" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => window.URL.revokeObjectURL(url), 60_000);
}
