// The frame of the console: who is signed in, the navigation, and the page that the address names.

import * as account from "./account.js";
import * as audit from "./audit.js";
import { announce, fill, h } from "./dom.js";
import * as home from "./home.js";
import * as importing from "./import.js";
import * as imports from "./imports.js";
import * as keys from "./keys.js";
import * as participant from "./participant.js";
import * as participants from "./participants.js";
import * as report from "./report.js";
import * as reports from "./reports.js";
import { address, placeOf } from "./router.js";
import * as security from "./security.js";
import * as session from "./session.js";
import * as settings from "./settings.js";
import { signInForm } from "./signin.js";
import { empty, heading, notice, titled } from "./ui.js";
import * as uploading from "./upload.js";

const VIEWS = {
  home: home.view,
  imports: imports.view,
  "new-import": uploading.view,
  import: importing.view,
  reports: reports.view,
  report: report.view,
  participants: participants.view,
  account: account.view,
  participant: participant.view,
  settings: settings.view,
  audit: audit.view,
  keys: keys.view,
  security: security.view,
};

// The items of the navigation, with the pages that belong to each; the last one is for administrators.
const ITEMS = [
  { page: "home", label: "Home", pages: ["home"] },
  { page: "imports", label: "Imports", pages: ["imports", "new-import", "import"] },
  { page: "reports", label: "Reports", pages: ["reports", "report"] },
  { page: "participants", label: "Participants", pages: ["participants", "account", "participant"] },
  {
    page: "settings",
    label: "Settings",
    pages: ["settings", ...settings.SECTIONS.map(({ page }) => page)],
    administrators: true,
  },
];

const top = document.getElementById("top");
const content = document.getElementById("content");
let leaving = new AbortController();
let focuses = false; // not at the first page that a browser shows: it has just begun to read

session.onEnded(signInAgain);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the page
  content.focus();
});
if (session.user()) start();
else signInFirst();

function signInFirst() {
  titled("Sign in");
  fill(top, brand());
  const done = (tokens) => {
    session.begin(tokens);
    focuses = true;
    start();
  };
  fill(content, signInForm(done));
}

// A session that ended: the page stays on the screen, behind the form.
function signInAgain() {
  const before = session.user();
  return new Promise((resolve) => {
    const back = /** @type {any} */ (document.activeElement);
    const form = signInForm(done, {
      level: "h2",
      email: before.email,
      note: "Your session has ended. Sign in again to continue; nothing on this page is lost.",
    });
    const leave = h(
      "button",
      { type: "button", class: "quiet", on: { click: session.signOut } },
      "Sign out instead",
    );
    const stay = (event) => event.preventDefault();
    const content = [form, h("p", { class: "aside" }, leave)];
    const box = h("dialog", { "aria-label": "Sign in again", on: { cancel: stay } }, content);
    document.body.append(box);
    box.showModal();

    function done(tokens) {
      session.begin(tokens);
      box.remove();
      if (session.user().id !== before.id) return location.reload(); // the page belongs to another user
      if (back?.isConnected) back.focus();
      announce("You are signed in again");
      return resolve(undefined);
    }
  });
}

function start() {
  frame();
  if (session.user().role === "none") {
    const words =
      "Your user is in none of the groups that may use the console. Ask your administrator to add you to one, then " +
      "sign in again.";
    titled("No access");
    return fill(content, heading("You have no access yet"), notice("info", null, h("p", {}, words)));
  }
  window.onhashchange = show;
  return show();
}

function frame() {
  const { email, role, isAdministrator, isApprover } = session.user();
  const link = ({ page, label }) => h("li", {}, h("a", { href: address(page), on: { click: again } }, label));
  const powers = [isAdministrator && "Administrator", isApprover && "Approver"].filter(Boolean).join(", ");
  const person = h(
    "span",
    { class: "who" },
    h(
      "a",
      { class: "email", href: address("security"), "aria-label": `Sign-in security of ${email}` },
      email || "signed in",
    ),
    role === "viewer" ? h("span", { class: "role" }, powers || "Read-only") : null,
  );
  const items = ITEMS.filter((each) => !each.administrators || isAdministrator);
  const out = h("button", { type: "button", class: "quiet", on: { click: session.signOut } }, "Sign out");
  const nav = h("nav", { "aria-label": "Pages" }, h("ul", {}, items.map(link)));
  fill(top, brand(), nav, h("div", { class: "person" }, person, out));
}

// A link to the page that is shown changes no address; it shows that page again.
function again(event) {
  if (location.hash !== event.currentTarget.getAttribute("href")) return;
  event.preventDefault();
  show();
}

function brand() {
  return h("a", { class: "brand", href: "#/" }, "Reward balances");
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { page, parts, query } = placeOf(location.hash);
  const item = ITEMS.find((each) => each.pages.includes(page));
  for (const link of top.querySelectorAll("nav a")) {
    if (item && link.getAttribute("href") === address(item.page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  titled(item?.label || "Page not found");
  fill(content);
  scrollTo(0, 0);
  if (page) VIEWS[page](content, { parts, query, signal: leaving.signal });
  else notFound();
  if (focuses) content.querySelector("h1")?.focus({ preventScroll: true });
  focuses = true;
}

function notFound() {
  const home = h("p", {}, h("a", { class: "button primary", href: "#/" }, "Go to Home"));
  const words = "The console has no page at this address. Check the address, or start from the first page.";
  const box = h("section", { class: "card" }, empty("Nothing to show", words, home));
  fill(content, heading("Page not found"), box);
}
