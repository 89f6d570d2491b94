// How to set up an authenticator app: from the sign-in, and from the page of the sign-in security.

import { h } from "./dom.js";
import { copyable } from "./errors.js";

const ISSUER = "Reward balances";

/** The link that authenticator apps open. */
export function otpauthLink(secret, email) {
  const label = encodeURIComponent(`${ISSUER}:${email}`);
  return `otpauth://totp/${label}?${new URLSearchParams({ secret, issuer: ISSUER })}`;
}

/** The steps for a secret that the user pool has just made for somebody with this email address. */
export function setupSteps(secret, email) {
  const spaced = secret.match(/.{1,4}/g).join(" ");
  const link = h("a", { href: otpauthLink(secret, email) }, "Open in an authenticator app");
  return h(
    "ol",
    {},
    h("li", {}, "Install an authenticator app on your phone, for example from its app store."),
    h(
      "li",
      {},
      "On this phone: ",
      link,
      ". On another one: add an account manually with this key (time-based, six digits): ",
      h("p", { class: "secret" }, copyable(spaced, "Copy key")),
    ),
    h("li", {}, "Enter the code that the app shows."),
  );
}
