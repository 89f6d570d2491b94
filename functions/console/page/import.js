// One import: what its file would do, how far it is, what came of it, and what can still be done about it.

import { ApiError, follow, get, post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import { kindOf } from "./history.js";
import * as outcomes from "./outcomes.js";
import { dialog, download, failure, heading, loading, notice, operatorAction, progress, table, unreachable, viewerNotice, who } from "./ui.js";

export function view(root, { id, signal }) {
  const place = h("div", { class: "stack" });
  const above = h("p", { class: "crumb" }, h("a", { href: "#/import" }, "Import"));
  const title = heading("Import"); // until the file's name is known
  fill(root, above, title, place);
  fill(place, h("section", { class: "card" }, loading(5)));
  const state = { id, root, place, title: title.firstChild, signal, lost: h("div", {}), speed: new Speed(), meter: null };
  watch(state);
}

function watch(state) {
  const { id, signal, place, lost } = state;
  const retry = () => watch(state);
  follow(
    `/import/${id}`,
    signal,
    (record) => {
      named(state, record);
      if (record.dateCompleted !== null) {
        ended(state, record).catch((error) => signal.aborted || fill(place, failure(error, retry)));
        return true;
      }
      underway(state, record);
      return false;
    },
    (error) => fill(lost, error ? unreachable("The import goes on without this page. ") : null),
  ).catch((error) => {
    const known = error.status === 404 ? new ApiError(404, "", "There is no import of this id. It may be from another stack, or older than what is kept.") : error;
    fill(place, failure(known, retry));
  });
}

function named(state, record) {
  state.title.textContent = record.reverses ? record.name : record.fileName;
  document.title = `${record.fileName} – Import – Reward balances`;
  if (!state.about) {
    state.about = h("p", { class: "mute about" });
    state.place.before(state.about);
  }
  const links = [
    record.startedFrom ? [" · ", h("a", { href: `#/import/${record.startedFrom}` }, "its preview")] : null,
    record.reverses ? [" · ", h("a", { href: `#/import/${record.reverses}` }, "the import it gives back")] : null,
  ];
  fill(state.about, kindOf(record), " · ", format.moment(record.dateCreated), " · ", who(record), links);
}

// --- While it runs ---

function underway(state, record) {
  const { place, lost } = state;
  if (!state.meter) {
    state.meter = progress("");
    state.stop = h("div", { class: "buttons" });
    fill(place, h("section", { class: "card" }, state.meter.box, state.stop), lost);
  }
  const { rows, processed } = record.stats;
  const verb = record.dryRun ? "Checking" : record.reverses ? "Giving back" : record.type === "REWARD" ? "Loading" : "Redeeming";
  const title = record.status === "CANCELLED" ? "Cancelling …" : record.status === "PROCESSING" ? `${verb} …` : record.status === "PENDING" ? "Waiting …" : "Reading the file …";
  if (record.status === "PENDING" || record.status === "VALIDATING" || !rows) {
    state.meter.show(null, record.status === "PENDING" ? waiting(record) : "Checking each row against the file’s own rules", title);
  } else {
    state.meter.show(processed / rows, state.speed.words(processed, rows), title);
    announce(`${title.replace(" …", "")}: ${Math.floor((processed / rows) * 10) * 10} percent`);
  }
  if (record.status === "CANCELLED") cleared(state, state.stop);
  else if (!record.dryRun && !state.stop.firstChild) fill(state.stop, operatorAction("Cancel the import", () => cancel(state, record), { kind: "danger" }));
}

function waiting(record) {
  if (record.startedFrom || record.reverses) return "It starts in a moment";
  return "Its file is on the way. If the upload was broken off, choose the file again.";
}

// Whoever has the focus in what goes away finds it at the page's heading.
function cleared(state, place, ...instead) {
  if (place.contains(document.activeElement)) state.title.focus({ preventScroll: true });
  fill(place, ...instead);
}

// Rows per second over the last seconds, for the time that is left.
class Speed {
  #seen = [];

  words(processed, rows) {
    const now = performance.now() / 1000;
    this.#seen.push([now, processed]);
    while (this.#seen.length > 2 && now - this.#seen[0][0] > 15) this.#seen.shift();
    const done = `${format.count(processed)} of ${format.rows(rows)}`;
    const [start, before] = this.#seen[0];
    const rate = (processed - before) / (now - start);
    if (processed >= rows) return `${done} · writing the results`;
    if (!(rate > 0) || now - start < 1) return done;
    return `${done} · ${format.count(Math.round(rate))} a second · ${format.about((rows - processed) / rate)} left`;
  }
}

async function cancel(state, record) {
  const sure = await dialog(
    "Cancel the import?",
    h("p", {}, `Rows that are redeemed by now stay redeemed; all others are left as they are. ${record.reverses ? "" : "You can reverse the import afterwards, or upload its failed rows to go on."}`),
    [["Go on importing", "", ""], ["Cancel the import", "yes", "danger"]],
  );
  if (!sure) return;
  try {
    await post(`/import/${state.id}/cancel`);
    announce("The import is cancelled");
  } catch (error) {
    if (error.code !== "STILL_WORKING") throw error; // it is cancelled; the page sees when it has ended
  }
}

// --- When it has ended ---

async function ended(state, record) {
  const explained = await get(`/import/${state.id}/outcomes`, state.signal);
  if (state.signal.aborted) return;
  if (record.reversedBy) state.reversal = await get(`/import/${record.reversedBy}`, state.signal).catch(notYet);
  const preview = record.dryRun;
  announce(record.status === "ABORTED" ? "The file was not accepted" : preview ? "The preview is ready" : "The import has ended");
  cleared(state, state.place, preview ? previewed(state, record, explained) : imported(state, record, explained));
}

const failedRows = (explained) => explained.outcomes.filter((each) => each.failed).reduce((sum, each) => sum + each.rows, 0);

function figures(list) {
  return h("dl", { class: "figures" }, list.map(([number, label, tone]) => h("div", { class: tone }, h("dt", {}, label), h("dd", {}, format.count(number)))));
}

function totals(caption, { redeemed, decimals }, sign = 1) {
  const found = format.totals(redeemed);
  if (!found.length) return null;
  return h("div", { class: "totals" }, table(caption, [{ name: "Unit", of: ([unit]) => unit }, { name: caption, number: true, of: ([unit, credits]) => format.value(BigInt(credits) * BigInt(sign), decimals?.[unit]) }], found));
}

function previewed(state, record, explained) {
  if (record.status === "ABORTED") return [h("section", { class: "card" }, outcomes.refusal(record, explained), allowed(record), another())];
  const redeems = outcomes.count(record, "REDEEMED");
  const repeated = outcomes.count(record, "ALREADY_REDEEMED");
  const failed = failedRows(explained);
  const started = record.startedAs;
  const start = operatorAction("Start import", () => startImport(state, record, explained, redeems), { kind: "primary", id: "start" });
  return [
    h(
      "section",
      { class: "card", "aria-labelledby": "preview-title" },
      h("h2", { id: "preview-title" }, "What would happen"),
      known(repeated, redeems),
      h("div", { class: "sums" }, figures(outcomes.tally(record)), totals("To redeem", record.stats)),
      redeems || started ? null : nothing(record),
      started
        ? notice("info", null, h("p", {}, "This file was started. ", h("a", { href: `#/import/${started}` }, "See what came of it")))
        : [viewerNotice(), h("div", { class: "buttons" }, redeems ? start : null, another("button"))],
    ),
    warned(record, explained),
    groups(state, record, explained, failed, redeems > 0 && !started),
  ];
}

// A warning changes no outcome; it says what to look at before the money moves.
function warned(record, explained) {
  const found = outcomes.warningGroups(record, explained);
  if (!found.length) return null;
  return h("section", { class: "card", "aria-labelledby": "warnings-title" }, h("h2", { id: "warnings-title" }, "Warnings"), h("p", { class: "mute" }, "Warnings change no outcome. Check them before you rely on the result."), found);
}

// How a file is imported that was rejected as a duplicate, where that is what is meant.
function allowed(record) {
  if (record.error?.code !== "DUPLICATE_FILE") return null;
  return h("p", {}, "If these rows are to be redeemed once more, choose the file again and select “Import even if the same rows were imported before”.");
}

// A file that was imported before, in whole or in part.
function known(repeated, redeems) {
  if (!repeated) return null;
  const all = redeems === 0;
  return notice(
    "warn",
    all ? "This file was imported before" : "A part of this file was imported before",
    h("p", {}, `${format.rows(repeated)} ${repeated === 1 ? "was" : "were"} redeemed by an earlier import, named below, and will not be redeemed again.`),
  );
}

function nothing(record) {
  const blank = record.stats.rows > 0 && outcomes.count(record, "UNCHANGED") === record.stats.rows;
  const words = blank ? "valueToRedeem is blank or 0 in every row. Fill in what was paid, save the file, and choose it again." : "There is nothing to redeem in this file.";
  return notice("info", null, h("p", {}, words));
}

function another(kind = "") {
  const link = h("a", { href: "#/import", class: kind }, "Choose another file");
  return kind ? link : h("p", {}, link);
}

async function startImport(state, record, explained, redeems) {
  const warnings = outcomes.warnings(record, explained);
  const sum = format.amounts(record.stats.redeemed, record.stats.decimals);
  const sure = await dialog(
    "Start the import?",
    [h("p", {}, "This redeems ", h("strong", {}, sum), ` from ${format.count(redeems)} ${redeems === 1 ? "balance" : "balances"}.`), h("p", { class: "mute" }, "Balances that changed since the preview are looked at again: no row takes more than there is."), record.allowDuplicate ? notice("warn", null, h("p", {}, "The check for duplicate files is off: rows that were imported before are redeemed again.")) : null, warnings.length ? notice("warn", "Warnings", h("ul", {}, warnings.map((each) => h("li", {}, h("span", { class: "strong" }, each.title), `: ${format.rows(each.rows)}. `, each.meaning || "")))) : null],
    [["Not yet", "", ""], ["Start import", "yes", "primary"]],
  );
  if (!sure) return;
  const started = await post(`/import/${state.id}/start`);
  announce("The import has started");
  if (!state.signal.aborted) location.hash = `#/import/${started.id}`;
}

function imported(state, record, explained) {
  const failed = failedRows(explained);
  const redeemed = outcomes.count(record, "REDEEMED");
  const cancelled = record.status === "CANCELLED";
  const head = cancelled ? "Cancelled" : record.status === "ABORTED" ? "Not imported" : failed ? "Done, with rows to look at" : "Done";
  return [
    h(
      "section",
      { class: "card", "aria-labelledby": "result-title" },
      h("h2", { id: "result-title" }, head),
      record.error ? [outcomes.refusal(record, explained), allowed(record)] : null,
      cancelled && !record.stats.rows ? h("p", {}, "It was cancelled before its rows were checked: nothing was redeemed.") : null,
      record.stats.rows ? h("div", { class: "sums" }, figures(outcomes.tally(record)), totals(record.reverses ? "Given back" : "Redeemed", record.stats, record.reverses ? -1 : 1)) : null,
      reversal(record, state.reversal),
      h("div", { class: "buttons" }, record.stats.rows ? download("Download all results", `/import/${state.id}/results`, { id: "results" }) : null, reversible(record, state.reversal) ? operatorAction(state.reversal ? "Reverse the rest" : "Reverse this import", () => reverse(state, record, redeemed), { kind: "danger", id: "reverse" }) : null),
    ),
    warned(record, explained),
    groups(state, record, explained, failed),
  ];
}

function groups(state, record, explained, failed, starts = false) {
  const found = outcomes.problems(explained);
  if (!found.length) return null;
  const later = starts ? ", or start the import and correct failed.csv afterwards: rows that are redeemed are not redeemed twice" : "";
  const again = record.dryRun ? `Correct them in your file and choose it again${later}.` : "Correct failed.csv and import it as it is.";
  return h(
    "section",
    { class: "card", "aria-labelledby": "groups-title" },
    h("div", { class: "cardhead" }, h("h2", { id: "groups-title" }, failed ? "Rows that need a look" : "Rows worth a look"), failed && !record.reverses ? download("Download failed rows", `/import/${state.id}/failed`, { id: "failed" }) : null),
    failed && !record.reverses ? h("p", { class: "mute" }, again) : null,
    found,
  );
}

// --- Giving it back ---

// A reversal is named before it is made.
function notYet(error) {
  if (error.status !== 404) throw error;
  return null;
}

const reversible = (record, reversal) => record.type !== "REWARD" && !record.reverses && (!reversal || leftSome(reversal)) && outcomes.count(record, "REDEEMED") > 0;

// Whether a reversal has ended and not given everything back.
function leftSome({ dateCompleted, stats }) {
  const settled = ["REVERSED", "ALREADY_REVERSED", "UNCHANGED"];
  return dateCompleted !== null && (stats.processed < stats.rows || Object.keys(stats.outcomes).some((name) => !settled.includes(name)));
}

function reversal(record, made) {
  if (!made) return null;
  const words = made.dateCompleted === null ? "This import is being reversed. " : leftSome(made) ? "A reversal gave back a part of what this import redeemed. " : "This import was reversed: what it redeemed was given back. ";
  return notice("warn", null, h("p", {}, words, h("a", { href: `#/import/${made.id}` }, "See the reversal")));
}

async function reverse(state, record, redeemed) {
  const sure = await dialog(
    "Reverse this import?",
    [
      state.reversal
        ? h("p", {}, "This gives back what the last reversal left, each amount to the reward it came from. Nothing is given back twice.")
        : h("p", {}, "This gives ", h("strong", {}, format.amounts(record.stats.redeemed, record.stats.decimals)), ` back to ${format.count(redeemed)} ${redeemed === 1 ? "balance" : "balances"}, each amount to the reward it came from.`),
      h(
        "ul",
        {},
        h("li", {}, "Rewards that have expired since get their credit back, and stay expired: it cannot be spent."),
        h("li", {}, "Rows that are given back may be redeemed again, by the same file or another one."),
        h("li", {}, "What was paid outside this system is not called back. A reversal cannot be reversed."),
      ),
    ],
    [["Keep it as it is", "", ""], ["Reverse the import", "yes", "danger"]],
    { tone: "danger" },
  );
  if (!sure) return;
  const made = await post(`/import/${state.id}/reverse`);
  announce("The reversal has started");
  if (!state.signal.aborted) location.hash = `#/import/${made.id}`;
}
