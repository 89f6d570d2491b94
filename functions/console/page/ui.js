// The parts that the pages are made of.

import { get } from "./api.js";
import { announce, fill, h, newId } from "./dom.js";
import * as format from "./format.js";
import * as session from "./session.js";

const VIEWER_ONLY =
  "You may look, but not change anything: your user is in the group “viewers”. Ask whoever runs this service to put you into “operators”.";

export function heading(title, ...beside) {
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), beside);
}

// A box with words: tone is info, good, warn or bad.
export function notice(tone, title, ...rest) {
  return h("div", { class: `notice ${tone}` }, title ? h("p", { class: "strong" }, title) : null, rest);
}

export function viewerNotice() {
  return session.isOperator() ? null : notice("info", null, h("p", {}, VIEWER_ONLY));
}

// What went wrong, and a way to try again.
export function failure(error, again) {
  const box = notice("bad", "This did not work", h("p", {}, error.message || String(error)));
  box.setAttribute("role", "alert");
  if (again) box.append(h("p", {}, h("button", { type: "button", on: { click: again } }, "Try again")));
  return box;
}

// While the service cannot be reached, and is asked again and again.
export function unreachable(words = "") {
  return notice("warn", "The connection is lost", h("p", {}, `${words}Trying to reach the service again …`));
}

export function empty(title, text, ...actions) {
  return h("div", { class: "empty" }, h("p", { class: "strong" }, title), h("p", { class: "mute" }, text), actions);
}

// A table; one of many columns becomes a list of cards on narrow screens. `columns`: { name, number, wide, acts, of: row => content }.
// The roles say what CSS would otherwise take away there.
export function table(caption, columns, rows, { cards = columns.length > 2 } = {}) {
  const head = columns.map((column) => h("th", { scope: "col", role: "columnheader", class: kind(column) }, column.name));
  const body = rows.map((row) =>
    h(
      "tr",
      { role: "row" },
      columns.map((column, place) => {
        const tag = place === 0 ? "th" : "td";
        const attributes = place === 0 ? { scope: "row", role: "rowheader" } : { role: "cell" };
        return h(tag, { ...attributes, class: kind(column), "data-name": column.name }, h("div", {}, column.of(row)));
      }),
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

const kind = (column) => [column.number ? "number" : "", column.wide ? "broad" : "", column.acts ? "acts" : ""].join(" ").trim();

// Values of several units, one below the other, aligned.
export function values(byUnit, decimals) {
  const found = format.totals(byUnit);
  if (!found.length) return h("span", { class: "mute" }, "–");
  return h("ul", { class: "values" }, found.map(([unit, credits]) => h("li", {}, format.value(credits, decimals?.[unit]), " ", h("span", { class: "unit" }, unit))));
}

const TONES = { COMPLETED: "good", ABORTED: "bad", CANCELLED: "warn", EXPIRED: "mute" };

export function status(name, word) {
  return h("span", { class: `status ${TONES[name] || "busy"}` }, word);
}

// A button that is busy while its work runs, and does nothing else meanwhile.
export function action(label, work, { kind = "", id = null, describedby = null } = {}) {
  const button = h("button", { type: "button", class: kind, id, "aria-describedby": describedby, on: { click } }, label);
  return button;

  async function click() {
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") tell(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
}

// Operators only: for others the button is there, does nothing, and says why.
export function operatorAction(label, work, options = {}) {
  if (session.isOperator()) return action(label, work, options);
  return h("button", { type: "button", class: options.kind, "aria-disabled": "true", title: VIEWER_ONLY }, label);
}

// A file: its signed address is asked for when it is wanted, for it lives for minutes only.
export function download(label, path, options = {}) {
  return action(
    label,
    async () => {
      const { url } = await get(`${path}?redirect=false`);
      const link = h("a", { href: url, download: "", rel: "noreferrer" });
      link.click();
      announce("The download has started");
    },
    options,
  );
}

// A message in front of the page, for what went wrong with a click.
export function tell(error) {
  return dialog("This did not work", h("p", {}, error.message || String(error)), [["Close", "", "primary"]]);
}

// Asks; resolves to the value of the button that was pressed, "" where the dialog was closed. The second click of
// a double click is no answer: it was meant for what lay there before.
export function dialog(title, content, buttons, { tone = "" } = {}) {
  const id = newId("dialog");
  return new Promise((resolve) => {
    const back = document.activeElement;
    const box = h(
      "dialog",
      { class: tone, "aria-labelledby": id, on: { close } },
      h("h2", { id }, title),
      h("div", { class: "said" }, content),
      h("div", { class: "buttons" }, buttons.map(([label, answer, kind]) => h("button", { type: "button", class: kind, on: { click: (event) => event.detail > 1 || box.close(answer) } }, label))),
    );
    document.body.append(box);
    box.showModal();

    function close() {
      box.remove();
      if (back?.isConnected) back.focus();
      resolve(box.returnValue);
    }
  });
}

// How far something is, as a bar and in words.
export function progress(label) {
  const id = newId("progress");
  const bar = h("progress", { "aria-labelledby": id, max: 1 });
  const words = h("p", { class: "mute number-words" }, "\u00a0");
  const box = h("div", { class: "progress" }, h("p", { class: "strong", id }, label), bar, words);
  return {
    box,
    show(part, text, title = "") {
      if (title) box.firstChild.textContent = title;
      if (part === null) bar.removeAttribute("value");
      else bar.value = part;
      words.textContent = text;
    },
  };
}

// One page of a long list.
export function pager(page, size, total, onPage) {
  const first = page * size + 1;
  const last = Math.min(total, first + size - 1);
  const turn = (label, to, possible) =>
    h("button", { type: "button", id: `page-${label.toLowerCase()}`, "aria-disabled": possible ? null : "true", on: { click: () => possible && onPage(to) } }, label);
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages of the list" },
    turn("Newer", page - 1, page > 0),
    h("span", { class: "mute" }, `${format.count(first)}–${format.count(last)} of ${format.count(total)}`),
    turn("Older", page + 1, last < total),
  );
}

export function loading(lines = 3) {
  return h("div", { class: "loading", "aria-busy": "true", role: "img", "aria-label": "Loading" }, Array.from({ length: lines }, () => h("div", {})));
}

// Runs `work`, and shows in `place` what it gives, or what went wrong.
export async function into(place, signal, work) {
  try {
    const made = await work();
    if (!signal.aborted && made) fill(place, made);
  } catch (error) {
    if (!signal.aborted && error.name !== "AbortError") fill(place, failure(error, () => into(place, signal, work)));
  }
}

export function field(label, input, hint = null) {
  const id = input.id || newId("field");
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null);
}

// Radio buttons side by side: options are [value, label].
export function choice(legend, name, options, chosen) {
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, legend),
    h(
      "div",
      { class: "options" },
      options.map(([value, label]) => {
        const id = newId("option");
        return h("div", {}, h("input", { type: "radio", name, value, id, checked: value === chosen }), h("label", { for: id }, label));
      }),
    ),
  );
}

// Who asked for something: an address where one is known.
export function who(record) {
  const isId = /^[0-9a-f-]{36}$/.test(record.requester);
  if (record.requester === "S3") return "upload bucket";
  return (isId ? record.mailtoEmail : record.requester) || "a user";
}
