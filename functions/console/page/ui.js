// The parts that the pages are made of.

import { fill, h, newId } from "./dom.js";
import { failure } from "./errors.js";
import * as format from "./format.js";
import * as session from "./session.js";

export function heading(title, ...beside) {
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), beside);
}

export function crumb(href, label) {
  return h("p", { class: "crumb" }, h("a", { href }, label));
}

export function titled(page) {
  document.title = `${page} – Reward balances`;
}

// A box with words: tone is info, good, warn or bad.
export function notice(tone, title, ...rest) {
  return h("div", { class: `notice ${tone}` }, title ? h("p", { class: "strong" }, title) : null, rest);
}

export const paragraph = (...content) => h("p", {}, content);
export const muted = (...content) => h("p", { class: "mute" }, content);

export function empty(title, text, ...actions) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "strong" }, title),
    h("p", { class: "mute" }, text),
    actions,
  );
}

/** A section of a page with its own heading. */
export function card(title, ...content) {
  const id = newId("card");
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), content);
}

export function loading(lines = 3) {
  const bars = Array.from({ length: lines }, () => h("div", {}));
  return h("div", { class: "loading", "aria-busy": "true", role: "img", "aria-label": "Loading" }, bars);
}

// Runs `work`, and shows in `place` what it gives, or what went wrong.
export async function into(place, signal, work) {
  try {
    const made = await work();
    if (!signal.aborted && made) fill(place, made);
  } catch (error) {
    const again = () => {
      fill(place, loading());
      into(place, signal, work);
    };
    if (!signal.aborted && error.name !== "AbortError") fill(place, failure(error, again));
  }
}

// How far something is, as a bar and in words.
export function progress(label) {
  const id = newId("progress");
  const bar = h("progress", { "aria-labelledby": id, max: 1 });
  const words = h("p", { class: "mute number-words" }, "\u00a0");
  const title = h("p", { class: "strong", id }, label);
  return {
    box: h("div", { class: "progress" }, title, bar, words),
    show(part, text, named = "") {
      if (named) title.textContent = named;
      if (part === null) bar.removeAttribute("value");
      else bar.value = part;
      words.textContent = text;
    },
  };
}

export function field(label, input, hint = null) {
  const id = input.id || newId("field");
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  const hintText = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hintText);
}

// Radio buttons side by side: options are [value, label].
export function choice(legend, name, options, chosen) {
  const radio = ([value, label]) => {
    const id = newId("option");
    const input = h("input", { type: "radio", name, value, id, checked: value === chosen });
    return h("div", {}, input, h("label", { for: id }, label));
  };
  const shown = h("div", { class: "options" }, options.map(radio));
  return h("fieldset", { class: "choice" }, h("legend", {}, legend), shown);
}

/** Who requested something: an email address where one is known. */
export function who(record) {
  if (record.requester === "S3") return "upload bucket";
  const isId = /^[0-9a-f-]{36}$/.test(record.requester);
  return (isId ? record.mailtoEmail : record.requester) || "a user";
}

/** Why the email about an import or a report did not arrive, if that is known. */
export function emailNotice(record) {
  const { emailProblem, mailtoEmail } = record;
  if (!emailProblem) return null;
  const facts = `${mailtoEmail} · ${format.moment(emailProblem.date)}`;
  return notice("warn", "Problem with the email", paragraph(emailProblem.message), muted(facts));
}

export function mayChange() {
  return session.isOperator();
}
