// Tables: rows of anything, amounts per unit, and the pages of a long list.

import { fill, h } from "./dom.js";
import * as format from "./format.js";

/**
 * @typedef {{ name: string, of: (row: any) => any, number?: boolean, wide?: boolean, acts?: boolean }} Column
 */

/**
 * A table; one of many columns becomes a list of cards on narrow screens. The roles say what CSS would
 * otherwise take away there.
 * @param {string} caption
 * @param {Column[]} columns
 * @param {any[]} rows
 */
export function table(caption, columns, rows, { cards = columns.length > 2 } = {}) {
  const head = columns.map((column) =>
    h("th", { scope: "col", role: "columnheader", class: kind(column) }, column.name),
  );
  const body = rows.map((row) =>
    h(
      "tr",
      { role: "row" },
      columns.map((column, place) => cell(column, row, place)),
    ),
  );
  return h(
    "table",
    { role: "table", class: cards ? "cards" : null },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, body),
  );
}

function cell(column, row, place) {
  const attributes = place === 0 ? { scope: "row", role: "rowheader" } : { role: "cell" };
  const named = { ...attributes, class: kind(column), "data-name": column.name };
  return h(place === 0 ? "th" : "td", named, h("div", {}, column.of(row)));
}

function kind(column) {
  return [column.number && "number", column.wide && "broad", column.acts && "acts"].filter(Boolean).join(" ");
}

/** The first rows of a long table, and a button for the next ones. */
export function limited(caption, columns, rows, size = 50) {
  const place = h("div", { class: "limited" });
  const show = (most) => {
    const more = Math.min(size, rows.length - most);
    const label = `Show ${format.count(more)} more of ${format.count(rows.length)}`;
    const next =
      more > 0 ? h("p", {}, h("button", { type: "button", on: { click: () => extend(most) } }, label)) : null;
    fill(place, table(caption, columns, rows.slice(0, most)), next);
  };
  const extend = (seen) => {
    show(seen + size);
    const next = place.querySelectorAll("tbody th")[seen]; // the button that had the focus was removed
    next.tabIndex = -1;
    next.focus();
  };
  show(size);
  return place;
}

// Amounts of several units, one below the other, aligned.
export function values(byUnit, decimals) {
  const found = format.totals(byUnit);
  if (!found.length) return h("span", { class: "mute" }, "–");
  const line = ([unit, credits]) =>
    h("li", {}, format.value(credits, decimals?.[unit]), " ", h("span", { class: "unit" }, unit));
  const more = found.length > 6 ? h("li", { class: "mute" }, `and ${found.length - 5} more units`) : null;
  return h("ul", { class: "values" }, (more ? found.slice(0, 5) : found).map(line), more);
}

// Rows of units beyond the hundredth are counted under this name.
const OTHER = "OTHER";

/**
 * The money table of an import: a row per unit. Units are never added up, so there is no total row.
 * @param {string} caption
 * @param {any} stats of the import's record
 * @param {string | null} redeemedName the name of the column of redeemed amounts; null where none are redeemed
 */
export function moneyTable(caption, stats, redeemedName, requestedName = "Requested") {
  const { requested = {}, redeemed, rejected = {}, decimals } = stats;
  const units = [...new Set([...Object.keys(requested), ...Object.keys(redeemed)])].sort();
  if (!units.length) return null;
  const inRows = (unit) => unit === OTHER && !Object.hasOwn(redeemed, OTHER);
  const amount = (unit, credits = /** @type {number | bigint} */ (0)) =>
    inRows(unit) ? format.rows(credits) : format.value(credits, decimals?.[unit]);
  const earlier = (unit) =>
    BigInt(requested[unit] ?? 0) - BigInt(redeemed[unit] ?? 0) - BigInt(rejected[unit] ?? 0);
  const shownEarlier = units.some(
    (unit) => !inRows(unit) && Object.hasOwn(requested, unit) && earlier(unit) > 0n,
  );
  const counted = Object.keys(requested).length > 0; // not in records of earlier versions
  /** @type {(Column | false)[]} */
  const columns = [
    { name: "Unit", of: (unit) => (inRows(unit) ? "Other units" : unit) },
    counted && { name: requestedName, number: true, of: (unit) => amount(unit, requested[unit]) },
    redeemedName !== null && {
      name: redeemedName,
      number: true,
      of: (unit) => (inRows(unit) ? "–" : amount(unit, redeemed[unit])),
    },
    redeemedName !== null &&
      shownEarlier && {
        name: "Redeemed earlier",
        number: true,
        of: (unit) => (inRows(unit) || !Object.hasOwn(requested, unit) ? "–" : amount(unit, earlier(unit))),
      },
    counted && { name: "Rejected", number: true, of: (unit) => amount(unit, rejected[unit]) },
  ];
  const shown = /** @type {Column[]} */ (columns.filter(Boolean));
  return h("div", { class: "money" }, table(caption, shown, units));
}

/** What an import asks for, a row per unit. */
export function requestedTable(stats) {
  const found = format.totals(stats.requested);
  if (!found.length) return null;
  const inRows = (unit) => unit === OTHER && stats.decimals?.[unit] === undefined;
  const columns = [
    { name: "Unit", of: ([unit]) => (inRows(unit) ? "Other units" : unit) },
    {
      name: "Requested",
      number: true,
      of: ([unit, credits]) =>
        inRows(unit) ? format.rows(credits) : format.value(credits, stats.decimals?.[unit]),
    },
  ];
  return h("div", { class: "money" }, table("Amounts by unit", columns, found));
}

/** The amounts that a reversal returned. */
export function returnedTable(stats) {
  const found = format.totals(stats.redeemed);
  if (!found.length) return null;
  const returned = ([unit, credits]) => format.value(-BigInt(credits), stats.decimals?.[unit]);
  const columns = [
    { name: "Unit", of: ([unit]) => unit },
    { name: "Returned", number: true, of: returned },
  ];
  return h("div", { class: "money" }, table("Returned", columns, found));
}

/** Where one is in a long list, and links to the pages before and after. `to` gives a page's address. */
export function pager(page, size, total, to, things) {
  const last = Math.max(0, Math.ceil(total / size) - 1);
  const turn = (label, target, possible) =>
    possible
      ? h("a", { class: "button", id: `page-${label.toLowerCase()}`, href: to(target) }, label)
      : h(
          "a",
          { class: "button", id: `page-${label.toLowerCase()}`, role: "link", "aria-disabled": "true" },
          label,
        );
  const words = `Page ${format.count(page + 1)} of ${format.count(last + 1)} · ${format.plural(total, things)}`;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages of the list" },
    turn("Previous", page - 1, page > 0),
    h("span", { class: "mute" }, words),
    turn("Next", page + 1, page < last),
  );
}
