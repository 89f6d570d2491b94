// The filters of reports: the fields of the form for what is paid and to whom, and a report's filters in words.

import { h, newId } from "./dom.js";
import * as format from "./format.js";
import { field } from "./ui.js";

const NEEDS_UNIT = "Choose a unit first.";

/**
 * Fields for the report that people fill in. `unit` is the form's field of the unit, of which `units` are the
 * choices.
 */
export function paymentFields(unit, units) {
  const minimum = h("input", { name: "minimumValue", type: "number", min: "0", autocomplete: "off" });
  const minimumField = field("Minimum value", minimum, NEEDS_UNIT);
  const until = h("input", { name: "availableUntil", type: "date" });
  const segments = h("input", { name: "segments", autocomplete: "off", maxlength: "1000" });
  const several = "Participants in any of these. Separate them with commas.";
  const untilHint = "What expires before this day begins is not counted.";
  const whom = h(
    "details",
    {},
    h("summary", {}, "More filters"),
    h(
      "div",
      { class: "row" },
      minimumField,
      field("Available until", until, untilHint),
      field("Segments", segments, several),
    ),
    check("blocked", "EXCLUDE", "Leave out blocked participants"),
  );
  const prefillHint = "Change the rows for which you pay another amount, and enter 0 where you pay nothing.";
  const prefill = check(
    "prefill",
    "AVAILABLE",
    "Fill in valueToRedeem with the available value",
    prefillHint,
  );
  unit.addEventListener("change", () => adjust());
  adjust();
  return h("div", { class: "stack" }, whom, prefill);

  function adjust() {
    const chosen = units.find((each) => each.unit === unit.value);
    minimum.disabled = !chosen;
    if (chosen) minimum.step = chosen.decimals ? `0.${"1".padStart(chosen.decimals, "0")}` : "1";
    else minimum.value = "";
    minimumField.querySelector(".hint").textContent = chosen ? `In ${chosen.unit}.` : NEEDS_UNIT;
  }
}

function check(name, value, label, hint = "") {
  const id = newId(name);
  const described = hint ? `${id}-hint` : null;
  const input = h("input", { type: "checkbox", name, value, id, "aria-describedby": described });
  const words = hint ? h("p", { class: "hint", id: described }, hint) : null;
  return h("div", { class: "check" }, input, h("label", { for: id }, label), words);
}

/**
 * The filters that were entered in these fields, as the API takes them.
 * @param {FormData} given
 */
export function paymentParams(given, units) {
  const text = (name) => String(given.get(name) ?? "").trim();
  const unit = units.find((each) => each.unit === given.get("unit"));
  const segments = text("segments")
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
  const found = {
    minimumValue: unit && text("minimumValue") ? format.credits(text("minimumValue"), unit.decimals) : null,
    availableUntil: text("availableUntil") ? format.startOfDay(text("availableUntil")) : null,
    segments: segments.length ? segments : null,
    blocked: text("blocked") || null,
    prefill: text("prefill") || null,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== null));
}

/** The filters of a report in words. */
export function inWords({ params, decimals }) {
  const { unit, programId, filter, minimumValue, availableUntil, blocked, segments, prefill, ...dates } =
    params;
  const filters = Object.entries(filter || {}).map(([name, value]) => `${name} ${[value].flat().join(", ")}`);
  const given = [
    unit,
    programId,
    ...filters,
    isGiven(minimumValue) && `at least ${format.value(minimumValue, decimals?.[unit])} ${unit}`,
    isGiven(availableUntil) && ["without what expires before ", format.moment(availableUntil)],
    blocked && (blocked === "EXCLUDE" ? "without blocked participants" : "with blocked participants"),
    segments && `segments ${segments.join(", ")}`,
    prefill && "valueToRedeem filled in",
    ...Object.entries(dates).map(([name, value]) => [`${name} `, format.moment(value)]),
  ].filter(Boolean);
  return unit || filter ? given : ["all units", ...given];
}

const isGiven = (value) => value !== undefined && value !== null;
