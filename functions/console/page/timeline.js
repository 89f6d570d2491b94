// What happened to an import or a report: from the audit log for administrators, else from its record.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { actionWords, actorWords, detailWords } from "./events.js";
import * as format from "./format.js";
import * as session from "./session.js";
import { card, into, loading, muted, who } from "./ui.js";

const SIZE = 100;
const MINUTE = 60_000;
const SOON = 6_000; // entries can be found some seconds after they were written

/**
 * The timeline of an object. `kind` is import or export; `show` brings it up to date with the record.
 * @param {string} kind
 * @param {AbortSignal} signal
 */
export function timeline(kind, signal) {
  const place = h("div", {}, loading(2));
  const box = h("div", { class: "timeline", hidden: true }, card("Timeline", place));
  let shown = "";
  return {
    box,
    show(record) {
      const state = `${record.status} ${record.dateCompleted} ${record.dateLinksRevoked}`;
      if (state === shown) return;
      shown = state;
      box.hidden = false;
      if (!session.user().isAdministrator) return void fill(place, list(derived(record)));
      const read = () => signal.aborted || into(place, signal, () => audited(kind, record, signal));
      read();
      const isNew = record.dateCompleted && Date.now() - Number(record.dateCompleted) < MINUTE;
      if (isNew) setTimeout(read, SOON);
    },
  };
}

async function audited(kind, record, signal) {
  const asked = new URLSearchParams({
    object: `${kind}/${record.id}`,
    from: String(Number(record.dateCreated) - MINUTE), // clocks may differ
    limit: String(SIZE),
  });
  const { entries, cursor } = await get(`/audit?${asked}`, signal);
  const happened = entries.map((each) => ({
    date: each.date,
    what: actionWords(each.action),
    by: actorWords(each.actor),
    more: detailWords(each),
  }));
  const notes = cursor ? muted("Older entries are in the audit log.") : null;
  return [entries.length ? list(happened.reverse()) : list(derived(record)), notes];
}

// What the record says.
function derived(record) {
  const { approval, emailProblem } = record;
  const isCancelled = record.status === "CANCELLED";
  const finished = record.error ? "Failed" : "Completed";
  const found = [
    {
      date: record.dateCreated,
      what: record.startedFrom ? "Started from a preview" : "Created",
      by: who(record),
    },
    approval?.date && {
      date: approval.date,
      what: approval.reason ? "Declined" : "Approved",
      by: approval.approver,
    },
    record.dateCompleted && {
      date: record.dateCompleted,
      what: isCancelled ? "Cancelled" : finished,
      by: isCancelled ? record.cancelledBy : null,
      more: record.error?.message,
    },
    emailProblem && { date: emailProblem.date, what: "Problem with the email", more: emailProblem.message },
    record.dateLinksRevoked && { date: record.dateLinksRevoked, what: "Download links revoked" },
  ];
  return found.filter(Boolean).sort((a, b) => Number(a.date) - Number(b.date));
}

function list(happened) {
  const item = ({ date, what, by, more }) =>
    h(
      "li",
      {},
      h("span", { class: "strong" }, what),
      by ? ` · ${by}` : null,
      h("span", { class: "id" }, format.moment(date), more ? ` · ${more}` : null),
    );
  return h("ol", { class: "listed timeline" }, happened.map(item));
}
