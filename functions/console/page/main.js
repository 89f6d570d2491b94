// The page's frame: who is signed in, where one is, and what is shown there.

import * as balances from "./balances.js";
import { announce, fill, h } from "./dom.js";
import * as history from "./history.js";
import * as importing from "./import.js";
import * as reports from "./reports.js";
import * as session from "./session.js";
import { signInForm } from "./signin.js";
import { notice } from "./ui.js";
import * as uploading from "./upload.js";

const PAGES = [
  { name: "balances", label: "Balances", view: balances.view },
  { name: "reports", label: "Reports", view: reports.view },
  { name: "import", label: "Import", view: (...given) => (given[1].id ? importing.view : uploading.view)(...given) },
  { name: "history", label: "History", view: history.view },
];

const top = document.getElementById("top");
const content = document.getElementById("content");
let leaving = new AbortController();
let focuses = false; // not at the first page that a browser shows: it has just begun to read

session.onEnded(signInAgain);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which page it is
  content.focus();
});
if (session.user()) start();
else signInFirst();

function signInFirst() {
  document.title = "Sign in – Reward balances";
  fill(top, brand());
  fill(content, signInForm((tokens) => (session.begin(tokens), (focuses = true), start())));
}

// A session that ended: what is on the screen stays there, behind the form.
function signInAgain() {
  const before = session.user();
  return new Promise((resolve) => {
    const back = document.activeElement;
    const form = signInForm(done, {
      level: "h2",
      email: before.email,
      note: "Your session has ended. Sign in once more to go on where you were; nothing on this page is lost.",
    });
    const leave = h("button", { type: "button", class: "quiet", on: { click: session.signOut } }, "Sign out instead");
    const box = h("dialog", { "aria-label": "Sign in again", on: { cancel: (event) => event.preventDefault() } }, form, h("p", { class: "aside" }, leave));
    document.body.append(box);
    box.showModal();

    function done(tokens) {
      session.begin(tokens);
      box.remove();
      if (session.user().id !== before.id) return location.reload(); // what is on the screen is not theirs
      if (back?.isConnected) back.focus();
      announce("You are signed in again");
      resolve();
    }
  });
}

function start() {
  frame();
  if (session.user().role === "none") {
    return fill(content, h("h1", { tabindex: "-1" }, "You cannot see anything yet"), notice("info", null, h("p", {}, "Your user is in neither of the groups “viewers” and “operators”. Ask whoever runs this service to put you into one, then sign in again.")));
  }
  window.onhashchange = show;
  return show();
}

function frame() {
  const { email, role } = session.user();
  const links = PAGES.map(({ name, label }) => h("li", {}, h("a", { href: `#/${name}`, on: { click: again } }, label)));
  const person = h("span", { class: "who" }, h("span", { class: "email" }, email || "signed in"), role === "viewer" ? h("span", { class: "role" }, "may look only") : null);
  const out = h("button", { type: "button", class: "quiet", on: { click: session.signOut } }, "Sign out");
  fill(top, brand(), h("nav", { "aria-label": "Pages" }, h("ul", {}, links)), h("div", { class: "person" }, person, out));
}

// A link to where one is already changes no address; it shows that page anew.
function again(event) {
  if (location.hash !== event.currentTarget.getAttribute("href")) return;
  event.preventDefault();
  show();
}

function brand() {
  return h("a", { class: "brand", href: "#/balances" }, "Reward balances");
}

// An address: #/import/06gz...?page=2
function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id = ""] = path.split("/").map(decodeURIComponent);
  return { page: PAGES.find((each) => each.name === name) || PAGES[0], id, query: new URLSearchParams(query) };
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { page, id, query } = here();
  for (const link of top.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${page.name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${page.label} – Reward balances`;
  fill(content);
  scrollTo(0, 0);
  page.view(content, { id, query, signal: leaving.signal });
  if (focuses) content.querySelector("h1")?.focus({ preventScroll: true });
  focuses = true;
}
