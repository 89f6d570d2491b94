// Buttons that do something at the service.

import { get } from "./api.js";
import { announce, h, newId } from "./dom.js";
import { showError } from "./errors.js";
import * as session from "./session.js";

const READ_ONLY = "Read-only: only users in the group “operators” can do this. Ask your administrator.";

/**
 * A button that is busy while its work runs, and does nothing else meanwhile.
 * @param {string} label
 * @param {() => any} work
 * @param {{ kind?: string, id?: string | null }} options
 */
export function action(label, work, { kind = "", id = null } = {}) {
  const button = h("button", { type: "button", class: kind, id, on: { click } }, label);
  return button;

  async function click() {
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") showError(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
}

/**
 * For operators only: for others the button is there, can be reached, does nothing, and says why beside it.
 * @param {string} label
 * @param {() => any} work
 * @param {{ kind?: string, id?: string | null }} options
 */
export function operatorAction(label, work, options = {}) {
  return session.isOperator()
    ? action(label, work, options)
    : unavailable(label, READ_ONLY, options.kind, options.id);
}

/** A button that cannot be used now, with the reason as text. */
export function unavailable(label, reason, kind = "", id = null) {
  const why = newId("reason");
  const button = h(
    "button",
    { type: "button", class: kind, id, "aria-disabled": "true", "aria-describedby": why },
    label,
  );
  return h("span", { class: "unavailable" }, button, h("span", { class: "reason", id: why }, reason));
}

// A file: its signed address is requested on the click, since it works for minutes only.
export function download(label, path, options = {}) {
  return action(
    label,
    async () => {
      const { url } = await get(`${path}?redirect=false`);
      h("a", { href: url, download: "", rel: "noreferrer" }).click();
      announce("The download has started");
    },
    options,
  );
}
