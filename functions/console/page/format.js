// Numbers, amounts and dates as the reader writes them. Credits are whole numbers in a unit's smallest unit.

import { h } from "./dom.js";

const MISSING =
  "The service sent an amount without its decimals, so it cannot be shown. " +
  "Reload the page. If this happens again, report it to your administrator.";

export function count(number) {
  return new Intl.NumberFormat().format(number);
}

// 1055 with 2 decimals is 10.55. No binary fraction touches it: the digits are moved in the text.
// A missing figure is an error: a guess would show an amount 100 times too large.
export function value(credits, places) {
  if (credits === undefined || credits === null || !Number.isInteger(places) || places < 0) {
    throw new Error(MISSING);
  }
  const whole = BigInt(credits);
  const digits = String(whole < 0n ? -whole : whole).padStart(places + 1, "0");
  const at = digits.length - places;
  const plain = (whole < 0n ? "-" : "") + digits.slice(0, at) + (places ? "." + digits.slice(at) : "");
  const form = { minimumFractionDigits: places, maximumFractionDigits: places };
  return new Intl.NumberFormat(undefined, form).format(/** @type {any} */ (plain));
}

/**
 * The credits of an amount in a unit with so many decimals, as a field of type "number" gives it: 10.5 with 2 decimals
 * is 1050. Throws an error with words for any other text.
 * @param {string} amount
 * @param {number} places
 */
export function credits(amount, places) {
  const [, whole, fraction = ""] = amount.match(/^(\d+)(?:\.(\d*))?$/) || [];
  if (whole === undefined || fraction.length > places) {
    const most = places ? `at most ${plural(places, "decimal")}` : "no decimals";
    throw new Error(`The amount ${amount} cannot be used. Enter a number with ${most}.`);
  }
  return Number(BigInt(whole + fraction.padEnd(places, "0")));
}

/** The moment (Unix milliseconds) at which a day like 2026-11-27, and days after it, begin in the reader's zone. */
export function startOfDay(day, days = 0) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + days).getTime();
}

// { unit: credits } as [[unit, credits]], in the units' order.
export function totals(byUnit) {
  return Object.entries(byUnit || {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${Number(number) === 1 ? one : many}`;
}

export function rows(number) {
  return plural(number, "row");
}

/** A share of 1, with one decimal: 12.5%. */
export function percent(part) {
  const form = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(undefined, /** @type {any} */ (form)).format(part);
}

const ZONED = {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
};

// A moment in the reader's zone, which is named; in UTC on hover.
export function moment(milliseconds, style = /** @type {any} */ (ZONED)) {
  if (milliseconds === null || milliseconds === undefined) return h("span", { class: "mute" }, "–");
  const date = new Date(Number(milliseconds));
  const iso = date.toISOString();
  const utc = `${iso.slice(0, 19).replace("T", " ")} UTC`;
  return h("time", { datetime: iso, title: utc }, new Intl.DateTimeFormat(undefined, style).format(date));
}

/** A moment in the reader's zone, as text. */
export function momentText(milliseconds) {
  return new Intl.DateTimeFormat(undefined, /** @type {any} */ (ZONED)).format(new Date(milliseconds));
}

export function day(milliseconds) {
  return moment(milliseconds, { dateStyle: "medium" });
}

export function bytes(number) {
  const sizes = [
    [1e9, "gigabyte"],
    [1e6, "megabyte"],
    [1e3, "kilobyte"],
  ];
  const [scale, unit] = sizes.find(([least]) => number >= Number(least)) || sizes[2];
  const size = number / Number(scale);
  const form = { style: "unit", unit, maximumFractionDigits: size < 10 ? 1 : 0 };
  return new Intl.NumberFormat(undefined, /** @type {any} */ (form)).format(size);
}

// "about 40 seconds", "about 3 minutes"
export function about(seconds) {
  if (seconds < 5) return "a few seconds";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} seconds`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes`;
  return `about ${Math.round(seconds / 3600)} hours`;
}
