// The card of available balances by unit, with what expires within 30 days.

import { operatorAction, unavailable } from "./actions.js";
import { follow, get, post } from "./api.js";
import { announce, fill, h, newId, svg } from "./dom.js";
import { failure, unreachable } from "./errors.js";
import * as format from "./format.js";
import * as session from "./session.js";
import { table } from "./table.js";
import { empty, loading, notice } from "./ui.js";

/** The card; `newest` resolves to the newest imports: totals from before the end of one are read again. */
export function overviewCard(signal, newest) {
  const place = h("section", { class: "card", "aria-labelledby": "overview-title" });
  showOverview(place, signal);
  refreshIfStale(place, signal, newest).catch((error) => {
    if (!signal.aborted) place.append(failure(error));
  });
  return place;
}

function showOverview(place, signal) {
  const title = h("h2", { id: "overview-title" }, "Available balances");
  const head = (...beside) => h("div", { class: "cardhead" }, title, beside);
  fill(place, head(), loading(4));
  follow(
    "/balance/overview",
    signal,
    (overview) => {
      fill(place, head(asOf(overview, refresh)), body(overview));
      return overview.status !== "PENDING";
    },
    (error, now) => error && fill(place, head(), unreachable("", now)),
  ).catch((error) =>
    fill(
      place,
      head(),
      failure(error, () => showOverview(place, signal)),
    ),
  );

  async function refresh() {
    await post("/balance/overview");
    announce("The balances are being read");
    showOverview(place, signal);
  }
}

// Totals from before the end of an import are read again.
async function refreshIfStale(place, signal, newest) {
  const [overview, imports] = await Promise.all([get("/balance/overview", signal), newest]);
  const changed = imports.some(
    (each) => !each.dryRun && overview.asOf !== null && each.dateCompleted > overview.asOf,
  );
  if (!changed || overview.status === "PENDING" || signal.aborted) return;
  if (session.isOperator()) {
    await post("/balance/overview", {}, signal);
    showOverview(place, signal);
  } else {
    const words = "An import ended after these totals were read. An operator can refresh them.";
    place.append(notice("warn", "These totals are outdated", h("p", {}, words)));
  }
}

function asOf(overview, refresh) {
  const label = overview.asOf ? "Refresh" : "Calculate totals";
  if (overview.status === "PENDING") {
    return h("div", { class: "beside" }, unavailable(label, "Reading all balances…", "", "refresh"));
  }
  const words = overview.asOf ? ["As of ", format.moment(overview.asOf)] : "";
  return h(
    "div",
    { class: "beside" },
    h("span", { class: "mute" }, words),
    operatorAction(label, refresh, { id: "refresh" }),
  );
}

function body(overview) {
  const failed = overview.status === "FAILED" ? notice("warn", null, h("p", {}, FAILED)) : null;
  if (!overview.asOf) {
    if (overview.status === "PENDING") return loading(4);
    return [
      failed,
      empty("No totals yet", "“Calculate totals” adds up what is available to all participants."),
    ];
  }
  if (!overview.units.length) {
    const words = "Load rewards first: upload a rewards file to the folder rewards/ of the upload bucket.";
    return [failed, empty("No balance has anything available", words)];
  }
  return [failed, h("div", { class: "overview" }, overviewTable(overview.units), chart(overview.units))];
}

const FAILED = "The last attempt to read the balances failed. Try again in a few minutes.";

function overviewTable(units) {
  const columns = [
    { name: "Unit", of: (each) => each.unit },
    { name: "Participants", number: true, of: (each) => format.count(each.participants) },
    { name: "Available", number: true, of: (each) => format.value(each.available, each.decimals) },
    {
      name: "Expires within 30 days",
      number: true,
      of: (each) => format.value(each.expiring, each.decimals),
    },
  ];
  return table("Available balances by unit", columns, units);
}

// The part of each unit that expires soon. The table says the same in numbers.
function chart(units) {
  const title = newId("chart");
  const caption = h("figcaption", { id: title }, "Share that expires within 30 days");
  return h("figure", { class: "chart" }, caption, h("ul", { "aria-labelledby": title }, units.map(bar)));
}

function bar(each) {
  const part = Number((BigInt(each.expiring) * 1000n) / BigInt(each.available)) / 1000;
  const width = `${Math.max(part * 100, 1)}%`;
  const picture = svg(
    "svg",
    { width: "100%", height: "12", "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: "later", width: "100%", height: "12", rx: "3" }),
    each.expiring ? svg("rect", { class: "soon", width, height: "12", rx: "3" }) : null,
  );
  const share = h("span", { class: "percent" }, format.percent(part));
  return h("li", {}, h("span", { class: "unit" }, each.unit), picture, share);
}
