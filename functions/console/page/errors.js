// What went wrong: what happened, why, how to fix it, and the request id to report.

import { announce, h, newId } from "./dom.js";

// How to fix an error that the API does not explain, by its kind.
function remedy(error) {
  if (error.status === 0) return "Check your network, then try again.";
  if (error.status === 403)
    return "Ask your administrator to add you to a group that may do this, then sign in again.";
  if (error.status === 404) return "Check the address, or open the list again.";
  if (error.status === 409) return "Reload the page to see the current status.";
  if (error.status === 429) return "Wait a moment, then try again.";
  if (error.status >= 500)
    return "Try again. If the error persists, send the request id to your administrator.";
  return "";
}

function title(error) {
  if (error.status === 0) return "Connection lost";
  if (error.status >= 500) return "The service reported an error";
  if (error.status === 404) return "Not found";
  return "Something went wrong";
}

function details(error) {
  const how = remedy(error);
  return [
    h("p", {}, error.message || String(error)),
    how && !String(error.message).includes(how) ? h("p", {}, how) : null,
    error.requestId ? h("p", { class: "request" }, "Request id: ", copyable(error.requestId)) : null,
  ];
}

/** A text that can be copied with one click. */
export function copyable(text, label = "Copy") {
  const button = h("button", { type: "button", class: "quiet", on: { click: copy } }, label);
  const shown = h("code", { class: "copy" }, text);
  return [shown, " ", button];

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      announce("Copied");
    } catch {
      getSelection()?.selectAllChildren(shown); // without the right to copy, the text is at least selected
      announce("Selected. Press Ctrl+C or Command+C to copy.");
    }
  }
}

/**
 * An error in its place on the page, with a button that tries again.
 * @param {any} error
 * @param {(() => void) | null} again
 */
export function failure(error, again = null) {
  const retry = again ? h("p", {}, h("button", { type: "button", on: { click: again } }, "Try again")) : null;
  const words = h("p", { class: "strong" }, title(error));
  return h("div", { class: "notice bad", role: "alert" }, words, details(error), retry);
}

/**
 * Shown while the network fails and the service is called again and again.
 * @param {string} words
 * @param {() => void} now tries again at once
 */
export function unreachable(words, now) {
  return h(
    "div",
    { class: "notice warn", role: "status" },
    h("p", { class: "strong" }, "Connection lost"),
    h("p", {}, words, "Check your network. The page keeps trying to reach the service."),
    h("p", {}, h("button", { type: "button", on: { click: now } }, "Try again now")),
  );
}

// A message in front of the page, for what went wrong with a click.
export function showError(error) {
  return dialog(title(error), details(error), [["Close", "", "primary"]]);
}

/**
 * Asks; resolves to the value of the button that was pressed, "" where the dialog was closed. The second click of
 * a double click is ignored: it was meant for what lay there before.
 * @param {string} question
 * @param {any} content
 * @param {[string, string, string][]} buttons label, value and kind of each
 * @returns {Promise<string>}
 */
export function dialog(question, content, buttons, { tone = "" } = {}) {
  const id = newId("dialog");
  return new Promise((resolve) => {
    const back = /** @type {any} */ (document.activeElement);
    const press = (value) => (event) => event.detail > 1 || box.close(value);
    const choices = buttons.map(([label, value, kind]) =>
      h("button", { type: "button", class: kind, on: { click: press(value) } }, label),
    );
    const box = h(
      "dialog",
      { class: tone, "aria-labelledby": id, on: { close } },
      h("h2", { id }, question),
      h("div", { class: "said" }, content),
      h("div", { class: "buttons" }, choices),
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
