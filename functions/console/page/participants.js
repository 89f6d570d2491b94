// Participants: the search, by account and user.

import { fill, h } from "./dom.js";
import { address } from "./router.js";
import { field, heading } from "./ui.js";

export function view(root) {
  fill(root, heading("Participants"), search());
}

/** The form that finds the participants of an account, or one participant. */
export function search(account = "", user = "") {
  const plain = { autocomplete: "off", spellcheck: "false", autocapitalize: "none" };
  const accountInput = h("input", { name: "account", value: account, ...plain });
  const userInput = h("input", { name: "user", value: user, ...plain });
  const form = h(
    "form",
    { class: "row", role: "search", on: { submit } },
    field("Account id", accountInput),
    field("User id", userInput, "Leave blank to list all participants of the account."),
    h("button", { type: "submit", class: "primary" }, "Find"),
  );
  const title = h("h2", { id: "search-title" }, "Find a participant");
  return h("section", { class: "card", "aria-labelledby": "search-title" }, title, form);

  function submit(event) {
    event.preventDefault();
    const [accountId, userId] = [accountInput.value.trim(), userInput.value.trim()];
    if (!accountId) return accountInput.focus();
    const to = userId ? address("participant", accountId, userId) : address("account", accountId);
    if (location.hash === to) window.dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = to;
    return undefined;
  }
}
