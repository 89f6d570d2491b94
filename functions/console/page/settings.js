// Settings: the pages for administrators, each with what it is for.

import { fill, h } from "./dom.js";
import { address } from "./router.js";
import * as session from "./session.js";
import { crumb, heading, notice, paragraph } from "./ui.js";

// The page of each section by its name in the address; router.js and main.js know it too.
export const SECTIONS = [
  { page: "keys", label: "API keys", use: "Create and revoke the keys with which programs use the API." },
  { page: "audit", label: "Audit log", use: "See who did what, and when." },
];

export function view(root) {
  if (!session.user().isAdministrator) return fill(root, heading("Settings"), administratorsOnly());
  const section = ({ page, label, use }) =>
    h("li", {}, h("a", { class: "strong", href: address(page) }, label), h("p", { class: "mute" }, use));
  return fill(
    root,
    heading("Settings"),
    h(
      "section",
      { class: "card", "aria-label": "Sections" },
      h("ul", { class: "listed" }, SECTIONS.map(section)),
    ),
  );
}

/** The way back from the page of a section. */
export const toSettings = () => crumb(address("settings"), "Settings");

/** What others see in place of a page for administrators. */
export function administratorsOnly() {
  const words =
    "Only users in the group “administrators” can see and change settings. Ask your administrator.";
  return notice("info", null, paragraph(words));
}
