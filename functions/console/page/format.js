// Numbers, values and times as the reader writes them. Credits are whole numbers in a unit's smallest step.

import { h } from "./dom.js";

export function count(number) {
  return new Intl.NumberFormat().format(number);
}

// 1055 with 2 decimals is 10.55. No binary fraction touches it: the digits are moved in the text.
// A missing figure is an error: a guess would show an amount 100 times too large.
export function value(credits, places) {
  if (credits === undefined || credits === null || !Number.isInteger(places) || places < 0) {
    throw new Error("The service sent an amount without its decimals, so it cannot be shown. Reload the page; if this happens again, tell whoever runs this service.");
  }
  const whole = BigInt(credits);
  const digits = String(whole < 0n ? -whole : whole).padStart(places + 1, "0");
  const at = digits.length - places;
  const plain = (whole < 0n ? "-" : "") + digits.slice(0, at) + (places ? "." + digits.slice(at) : "");
  const form = { minimumFractionDigits: places, maximumFractionDigits: places };
  return new Intl.NumberFormat(undefined, form).format(plain);
}

export function amount(credits, unit, places) {
  return `${value(credits, places)} ${unit}`;
}

// { unit: credits } as [[unit, credits]], in the units' order.
export function totals(byUnit) {
  return Object.entries(byUnit || {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

// Several amounts in a sentence: "12.50 CASH/USD, 3 POINT and 1 freemonth"; of many the first few.
// `decimals` are { unit: decimals }.
export function amounts(byUnit, decimals, most = 12) {
  const found = totals(byUnit).map(([unit, credits]) => amount(credits, unit, decimals?.[unit]));
  if (found.length > most) found.splice(most - 1, Infinity, `amounts in ${found.length - most + 1} more units`);
  return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(found);
}

export function rows(number) {
  return `${count(number)} ${Number(number) === 1 ? "row" : "rows"}`;
}

// A moment in the reader's zone; in UTC on hover.
export function moment(milliseconds, style = { dateStyle: "medium", timeStyle: "short" }) {
  if (milliseconds === null || milliseconds === undefined) return h("span", { class: "mute" }, "–");
  const date = new Date(Number(milliseconds));
  const iso = date.toISOString();
  const utc = `${iso.slice(0, 19).replace("T", " ")} UTC`;
  return h("time", { datetime: iso, title: utc }, new Intl.DateTimeFormat(undefined, style).format(date));
}

export function day(milliseconds) {
  return moment(milliseconds, { dateStyle: "medium" });
}

export function bytes(number) {
  const [size, unit] = number < 1e6 ? [number / 1e3, "kilobyte"] : number < 1e9 ? [number / 1e6, "megabyte"] : [number / 1e9, "gigabyte"];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: size < 10 ? 1 : 0 }).format(size);
}

// "about 40 seconds", "about 3 minutes"
export function about(seconds) {
  if (seconds < 5) return "a few seconds";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} seconds`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes`;
  return `about ${Math.round(seconds / 3600)} hours`;
}
