// What all balances hold, and what one participant has, in the order in which it would be spent.

import { follow, get, post } from "./api.js";
import { announce, fill, h, newId, svg } from "./dom.js";
import * as format from "./format.js";
import { empty, failure, field, heading, into, loading, notice, operatorAction, table, unreachable } from "./ui.js";

const SHOWN = 100; // rewards of a balance that are listed at once

export function view(root, { query, signal }) {
  const overview = h("section", { class: "card", "aria-labelledby": "overview-title" });
  const found = h("div", { id: "found" });
  fill(root, heading("Balances"), overview, search(query), found);
  showOverview(overview, signal);
  if (query.get("account")) into(found, signal, () => (fill(found, loading()), participant(query, signal)));
}

// --- All balances ---

function showOverview(card, signal) {
  const title = h("h2", { id: "overview-title" }, "What is available");
  fill(card, h("div", { class: "cardhead" }, title), loading(4));
  follow(
    "/balance/overview",
    signal,
    (overview) => {
      fill(card, h("div", { class: "cardhead" }, title, asOf(overview, refresh)), body(overview));
      return overview.status !== "PENDING";
    },
    (error) => error && fill(card, h("div", { class: "cardhead" }, title), unreachable()),
  ).catch((error) => fill(card, title, failure(error, () => showOverview(card, signal))));

  async function refresh() {
    await post("/balance/overview");
    announce("The balances are being read");
    showOverview(card, signal);
  }
}

function asOf(overview, refresh) {
  const busy = overview.status === "PENDING";
  const words = busy ? "Reading all balances …" : overview.asOf ? ["As of ", format.moment(overview.asOf)] : "";
  const label = overview.asOf ? "Refresh" : "Read the balances";
  return h("div", { class: "beside" }, h("span", { class: "mute" }, words), busy ? h("button", { type: "button", id: "refresh", "aria-disabled": "true" }, label) : operatorAction(label, refresh, { id: "refresh" }));
}

function body(overview) {
  const failed = overview.status === "FAILED" ? notice("warn", null, h("p", {}, "The balances could not be read the last time. Try again in a few minutes.")) : null;
  if (!overview.asOf) {
    if (overview.status === "PENDING") return loading(4);
    return [failed, empty("Nobody has looked yet", "“Read the balances” adds up what every participant has now. A report of all balances does so, too.")];
  }
  if (!overview.units.length) return [failed, empty("No balance has anything available", "Load rewards first: drop a CSV file under rewards/ in the upload bucket.")];
  return [failed, h("div", { class: "overview" }, overviewTable(overview.units), chart(overview.units))];
}

function overviewTable(units) {
  return table("What is available, by unit", [
    { name: "Unit", of: (each) => each.unit },
    { name: "Participants", number: true, of: (each) => format.count(each.participants) },
    { name: "Available", number: true, of: (each) => format.value(each.available, each.decimals) },
    { name: "Expires within 30 days", number: true, of: (each) => format.value(each.expiring, each.decimals) },
  ], units);
}

// Of each unit, which part expires soon. The table says the same in numbers.
function chart(units) {
  const title = newId("chart");
  const bars = units.map((each) => {
    const part = Number((BigInt(each.expiring) * 1000n) / BigInt(each.available)) / 10;
    const percent = `${new Intl.NumberFormat(undefined, { maximumFractionDigits: part < 10 ? 1 : 0 }).format(part)} %`;
    return h(
      "li",
      {},
      h("span", { class: "unit" }, each.unit),
      svg("svg", { width: "100%", height: "12", "aria-hidden": "true", focusable: "false" },
        svg("rect", { class: "later", width: "100%", height: "12", rx: "3" }),
        each.expiring ? svg("rect", { class: "soon", width: `${Math.max(part, 1)}%`, height: "12", rx: "3" }) : null),
      h("span", { class: "percent" }, percent),
    );
  });
  return h("figure", { class: "chart" }, h("figcaption", { id: title }, "Part of it that expires within 30 days"), h("ul", { "aria-labelledby": title }, bars));
}

// --- One participant ---

function search(query) {
  const account = h("input", { name: "account", value: query.get("account") || "", autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
  const user = h("input", { name: "user", value: query.get("user") || "", autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
  const form = h(
    "form",
    { class: "row", role: "search", on: { submit } },
    field("Account id", account),
    field("Participant’s user id", user, "Leave blank for everybody in the account."),
    h("button", { type: "submit", class: "primary" }, "Show rewards"),
  );
  return h("section", { class: "card", "aria-labelledby": "search-title" }, h("h2", { id: "search-title" }, "Look a participant up"), form);

  function submit(event) {
    event.preventDefault();
    if (!account.value.trim()) return account.focus();
    const wanted = new URLSearchParams({ account: account.value.trim(), user: user.value.trim() });
    const address = `#/balances?${wanted}`;
    if (location.hash === address) window.dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = address;
  }
}

async function participant(query, signal) {
  const asked = new URLSearchParams({ accountId: query.get("account") });
  if (query.get("user")) asked.set("userId", query.get("user"));
  const rewards = await get(`/reward?${asked}`, signal);
  const whose = [query.get("account"), query.get("user")].filter(Boolean).join(" · ");
  if (!rewards.length) {
    return h("section", { class: "card" }, empty(`No rewards of ${whose}`, "Ids are compared letter by letter. Copy them from a report, and leave the user id blank to see the whole account."));
  }
  const balances = new Map();
  for (const reward of rewards) {
    const key = JSON.stringify([reward.userId, reward.unit]);
    if (!balances.has(key)) balances.set(key, []);
    balances.get(key).push(reward);
  }
  announce(`${balances.size} balances found`);
  return [...balances.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, own]) => balance(...JSON.parse(key), own));
}

const left = (reward) => BigInt(reward.assignedCredit) - BigInt(reward.redeemedCredit);

// Earliest expiry first, never last; then the earlier given; then by id.
export function spendingOrder(rewards) {
  const expiry = (reward) => reward.dateExpires ?? Infinity;
  return rewards
    .filter((reward) => reward.statuses.includes("AVAILABLE"))
    .sort((a, b) => compare(expiry(a), expiry(b)) || compare(a.dateGiven, b.dateGiven) || compare(a.id, b.id));
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function balance(user, unit, rewards) {
  const order = spendingOrder(rewards);
  const others = rewards.filter((reward) => !reward.statuses.includes("AVAILABLE"));
  const { decimals } = rewards[0];
  const available = order.reduce((sum, reward) => sum + left(reward), 0n);
  const id = newId("balance");
  return h(
    "section",
    { class: "card", "aria-labelledby": id },
    h("div", { class: "cardhead" }, h("h2", { id }, user, h("span", { class: "mute" }, ` · ${unit}`)), h("p", { class: "big" }, format.value(available, decimals), " ", h("span", { class: "unit" }, "available"))),
    order.length ? limited("Rewards in the order in which they would be spent", columns(decimals, true), order) : h("p", { class: "mute" }, "Nothing can be spent now."),
    others.length ? h("details", {}, h("summary", {}, `${format.count(others.length)} that cannot be spent now`), limited("Rewards that cannot be spent now", columns(decimals, false), others)) : null,
  );
}

function columns(decimals, spendable) {
  return [
    { name: spendable ? "Spent" : "Reward", of: (reward) => (spendable ? ordinal(reward.place) : title(reward)) },
    spendable ? { name: "Reward", wide: true, of: title } : { name: "Status", of: (reward) => reward.statuses.map((each) => WORDS[each] || each).join(", ") },
    { name: "Given", of: (reward) => format.day(reward.dateGiven) },
    { name: "Expires", of: (reward) => (reward.dateExpires === null ? h("span", { class: "mute" }, "never") : format.day(reward.dateExpires)) },
    { name: "Assigned", number: true, of: (reward) => format.value(reward.assignedCredit, decimals) },
    { name: "Left", number: true, of: (reward) => format.value(left(reward), decimals) },
  ];
}

const WORDS = { PENDING: "scheduled for later", REDEEMED: "used up", EXPIRED: "expired", CANCELLED: "cancelled" };

function ordinal(place) {
  const rule = new Intl.PluralRules("en", { type: "ordinal" }).select(place);
  return `${format.count(place)}${{ one: "st", two: "nd", few: "rd", other: "th" }[rule]}`;
}

function title(reward) {
  return [h("span", {}, reward.name || "Reward"), h("span", { class: "id" }, reward.id, reward.programId ? ` · ${reward.programId}` : "")];
}

function limited(caption, shape, rewards) {
  const place = h("div", {});
  const numbered = rewards.map((reward, index) => ({ ...reward, place: index + 1 }));
  const show = (most) => {
    const more = numbered.length - most;
    fill(place, table(caption, shape, numbered.slice(0, most)), more > 0 ? h("p", {}, h("button", { type: "button", on: { click: () => rest(most) } }, `Show ${format.count(more)} more`)) : null);
  };
  const rest = (seen) => {
    show(numbered.length);
    const next = place.querySelectorAll("tbody th")[seen]; // the button that had the focus is gone
    next.tabIndex = -1;
    next.focus();
  };
  show(SHOWN);
  return place;
}
