// The page of one import: what it is, its progress, and its result. preview.js and result.js show how it ended,
// stalled.js that it has stopped.

import { action, operatorAction } from "./actions.js";
import { awaiting, decided } from "./approval.js";
import { ApiError, follow, get, post } from "./api.js";
import { confirmCancel } from "./confirm.js";
import { announce, fill, h } from "./dom.js";
import { failure, unreachable } from "./errors.js";
import * as format from "./format.js";
import { previewed } from "./preview.js";
import { imported, isReversed } from "./result.js";
import { address } from "./router.js";
import { Speed } from "./speed.js";
import { stalledNotice } from "./stalled.js";
import { badge, importStatus, kindOf } from "./status.js";
import { timeline } from "./timeline.js";
import { crumb, emailNotice, heading, loading, progress, titled, who } from "./ui.js";

export function view(root, { parts: [id], signal }) {
  const place = h("div", { class: "stack" }, h("section", { class: "card" }, loading(5)));
  const status = h("span", { class: "headstatus" });
  const title = heading("Import", status); // until the file's name is known
  const about = h("p", { class: "mute about" });
  const history = timeline("import", signal);
  fill(root, crumb(address("imports"), "Imports"), title, about, place, history.box);
  const state = {
    id,
    history,
    place,
    about,
    status,
    title: title.firstChild,
    signal,
    lost: h("div", {}),
    speed: new Speed(),
    meter: null,
    stop: null,
    stalled: null,
    waits: false,
    reversal: null,
  };
  watch(state);
}

function watch(state) {
  const { id, signal, place, lost } = state;
  const retry = () => {
    state.meter = null;
    fill(place, h("section", { class: "card" }, loading(5)));
    watch(state);
  };
  const goesOn = "The service continues the import. ";
  follow(
    `/import/${encodeURIComponent(id)}`,
    signal,
    (record) => {
      describe(state, record);
      state.history.show(record);
      if (record.dateCompleted === null) {
        underway(state, record);
        return false;
      }
      ended(state, record).catch((error) => signal.aborted || fill(place, failure(error, retry)));
      return true;
    },
    (error, now) => {
      if (!lost.isConnected) place.append(lost);
      fill(lost, error ? unreachable(goesOn, now) : null);
    },
  ).catch((error) => fill(place, failure(explained(error), retry)));
}

function explained(error) {
  if (error.status !== 404) return error;
  const words = "No import has this id. It belongs to another stack, or is no longer kept.";
  return new ApiError(404, error.code, words, error.requestId);
}

function describe(state, record) {
  const name = record.reverses ? record.name : record.fileName;
  state.title.textContent = name;
  titled(name);
  fill(state.status, badge(importStatus(record, isReversed(state.reversal))));
  const related = [
    record.startedFrom ? [" · ", h("a", { href: address("import", record.startedFrom) }, "Preview")] : null,
    record.reverses ? [" · ", h("a", { href: address("import", record.reverses) }, "Reversed import")] : null,
  ];
  fill(state.about, kindOf(record), " · ", format.moment(record.dateCreated), " · ", who(record), related);
}

// --- In progress ---

function verb(record) {
  if (record.dryRun) return "Checking";
  if (record.reverses) return "Reversing";
  return record.type === "REWARD" ? "Loading" : "Redeeming";
}

function stage(record) {
  if (record.status === "CANCELLED") return "Cancelling…";
  if (record.status === "PROCESSING") return `${verb(record)}…`;
  return record.status === "PENDING" ? "Waiting…" : "Validating the file…";
}

function underway(state, record) {
  const { place, lost } = state;
  if (record.status === "AWAITING_APPROVAL") {
    showWaiting(state, record);
    return;
  }
  if (state.waits) cleared(state, place); // it was approved just now
  state.waits = false;
  if (!state.meter) {
    state.meter = progress("");
    state.stop = h("div", { class: "buttons" });
    state.stalled = stalledNotice();
    const leave = h("p", { class: "mute" }, leaving(record));
    fill(
      place,
      h(
        "section",
        { class: "card", "aria-label": "Progress" },
        decided(record),
        state.stalled.box,
        state.meter.box,
        leave,
        state.stop,
      ),
      lost,
    );
  }
  state.stalled.show(record);
  const { rows, processed } = record.stats;
  const title = stage(record);
  const reading = record.status === "PENDING" || record.status === "VALIDATING";
  if (reading || !rows) {
    state.meter.show(
      null,
      record.status === "PENDING" ? waiting(record) : "Checking each row of the file",
      title,
    );
  } else {
    state.meter.show(processed / rows, state.speed.words(processed, rows), title);
    announce(`${title.replace("…", "")}: ${Math.floor((processed / rows) * 10) * 10} percent`);
  }
  if (record.status === "CANCELLED") cleared(state, state.stop);
  else if (!state.stop.firstChild) fill(state.stop, cancelButton(state, record));
}

// Shown once, so that a dialog or the focus is not lost each time the record is read.
function showWaiting(state, record) {
  if (state.waits) return;
  state.waits = true;
  state.meter = null;
  const retry = () => {
    state.waits = false;
    showWaiting(state, record);
  };
  awaiting(state, record, () => ask(state, record))
    .then((cards) => state.signal.aborted || !state.waits || cleared(state, state.place, cards, state.lost))
    .catch((error) => state.signal.aborted || fill(state.place, failure(error, retry)));
}

function leaving(record) {
  if (record.dryRun) return "You can leave this page; find the preview under Imports.";
  return "You can leave this page; we'll email you when it's done.";
}

function cancelButton(state, record) {
  if (record.dryRun) return operatorAction("Cancel preview", () => cancel(state));
  return operatorAction(record.reverses ? "Cancel reversal" : "Cancel import", () => ask(state, record), {
    kind: "danger",
  });
}

async function ask(state, record) {
  if (await confirmCancel(record)) await cancel(state);
}

async function cancel(state) {
  try {
    await post(`/import/${state.id}/cancel`);
    announce("Cancelled");
  } catch (error) {
    if (error.code !== "STILL_WORKING") throw error; // it is cancelled; the page sees when it has ended
  }
}

function waiting(record) {
  if (record.startedFrom || record.reverses) return "Processing starts in a moment";
  return "Waiting for the file. If the upload was interrupted, choose the file again.";
}

// The focus of what is removed goes to the page's heading.
function cleared(state, place, ...instead) {
  if (place.contains(document.activeElement)) state.title.focus({ preventScroll: true });
  fill(place, ...instead);
}

// --- Ended ---

async function ended(state, record) {
  const found = await get(`/import/${state.id}/outcomes`, state.signal);
  if (state.signal.aborted) return;
  if (record.reversedBy)
    state.reversal = await get(`/import/${record.reversedBy}`, state.signal).catch(notYet);
  if (state.signal.aborted) return;
  describe(state, record);
  announce(`${kindOf(record)}: ${importStatus(record)}`);
  const shown = record.dryRun ? previewed(state, record, found) : imported(state, record, found);
  const refresh = action("Check again", () => watch(state), { kind: "quiet" });
  cleared(
    state,
    state.place,
    emailNotice(record),
    shown,
    state.reversal && state.reversal.dateCompleted === null ? refresh : null,
  );
}

// A reversal is named before it is created.
function notYet(error) {
  if (error.status !== 404) throw error;
  return null;
}
