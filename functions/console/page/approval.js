// An import that awaits approval: what it asks for, who asked, and the buttons that approve or decline it.

import { action, download, operatorAction, unavailable } from "./actions.js";
import { get, post } from "./api.js";
import { announce, h } from "./dom.js";
import { dialog } from "./errors.js";
import * as format from "./format.js";
import * as outcomes from "./outcomes.js";
import * as session from "./session.js";
import { requestedTable } from "./table.js";
import { card, field, muted, notice, paragraph, who } from "./ui.js";

const NOT_IN_GROUP =
  "Only users in the group “approvers” can approve or decline imports. Ask your administrator.";
const MOST = 500; // characters of a comment or a reason

const what = (record) => (record.reverses ? "reversal" : "import");
const capital = (word) => word[0].toUpperCase() + word.slice(1);

/** What the approver needs to see; resolves to the cards of a waiting import. */
export async function awaiting(state, record, cancel) {
  const path = `/import/${state.id}`;
  const [explained, preview] = await Promise.all([
    get(`${path}/outcomes`, state.signal),
    // A preview that is no longer kept excludes nobody here; the API decides.
    record.startedFrom ? get(`/import/${record.startedFrom}`, state.signal).catch(() => null) : null,
  ]);
  const why = reasonAgainst(record, preview);
  const facts = [
    fact("Requested by", who(record)),
    fact("Rows", format.count(record.stats.rows)),
    fact("Approval rule", record.approval.rule),
  ];
  return [
    card(
      "Awaiting approval",
      paragraph(`This ${what(record)} was checked. Nothing has been changed yet.`),
      h("dl", { class: "facts" }, facts),
      requestedTable(record.stats),
      record.reverses ? muted("It returns what the import redeemed to the rewards it came from.") : null,
      h(
        "div",
        { class: "buttons" },
        decision("Approve", why, () => approve(state, record), "primary"),
        decision("Decline", why, () => decline(state, record), "danger"),
        download("Download uploaded file", `${path}/upload`, { id: "upload" }),
        operatorAction(`Cancel ${what(record)}`, cancel),
      ),
      why ? muted(why) : null,
    ),
    outcomes.warningsCard(explained),
    outcomes.problemsCard(explained, "These rows have errors and are not processed."),
  ];
}

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

function decision(label, why, work, kind) {
  const id = label.toLowerCase();
  return why ? unavailable(label, "Not available to you.", kind, id) : action(label, work, { kind, id });
}

/** Why this user may not decide about an import, or "". The API decides by the same rules. */
function reasonAgainst(record, preview) {
  const { id, email, isApprover } = session.user();
  if (!isApprover) return NOT_IN_GROUP;
  const own = [id, email].map((text) => String(text).toLowerCase());
  const isOwn = (text) => Boolean(text) && own.includes(text.trim().toLowerCase());
  if (isOwn(record.requester)) return `You requested this ${what(record)}. Another approver has to decide.`;
  if (preview && isOwn(preview.requester))
    return "You created the preview of this import. Another approver has to decide.";
  if (isOwn(record.mailtoEmail) || (preview && isOwn(preview.mailtoEmail)))
    return "The email about this import goes to you. Another approver has to decide.";
  return "";
}

async function approve(state, record) {
  const comment = text("Comment (optional)", "Shown to the requester.");
  const pressed = await dialog(
    `Approve ${what(record)}?`,
    [
      h("p", {}, "File: ", h("strong", {}, record.fileName)),
      requestedTable(record.stats),
      h("p", { class: "strong" }, "What will not happen"),
      h(
        "ul",
        {},
        h("li", {}, "No participant is paid: payments are made outside this system."),
        h("li", {}, "A row whose balance is too low by then is not redeemed; it fails."),
      ),
      comment.box,
    ],
    [
      ["Cancel", "", ""],
      [`Approve ${what(record)}`, "yes", "primary"],
    ],
    { tone: "roomy" },
  );
  if (!pressed) return;
  const said = comment.value();
  await post(`/import/${state.id}/approve`, said ? { comment: said } : {});
  announce("Approved");
}

async function decline(state, record) {
  const reason = text("Reason", "Shown to the requester.");
  const missing = notice("bad", null, paragraph("Enter a reason, so that the requester knows what to do."));
  let isMissing = false;
  for (;;) {
    const pressed = await dialog(
      `Decline ${what(record)}?`,
      [
        h("p", {}, "File: ", h("strong", {}, record.fileName)),
        h("p", {}, `The ${what(record)} ends, and nothing is changed. This cannot be undone.`),
        reason.box,
        isMissing ? missing : null,
      ],
      [
        [`Keep ${what(record)}`, "", ""],
        [`Decline ${what(record)}`, "yes", "danger"],
      ],
      { tone: "danger" },
    );
    if (!pressed) return;
    if (reason.value()) break;
    isMissing = true;
  }
  await post(`/import/${state.id}/reject`, { reason: reason.value() });
  announce("Declined");
}

function text(label, hint) {
  const input = /** @type {HTMLTextAreaElement} */ (h("textarea", { rows: 3, maxlength: MOST }));
  return { box: field(label, input, hint), value: () => input.value.trim() };
}

/** Who decided what, once somebody has. */
export function decided(record) {
  const { approver, comment, reason, date } = record.approval;
  if (date === null) return null;
  const isDeclined = reason !== null;
  const title = `${isDeclined ? "Declined" : "Approved"} by ${approver}`;
  const said = reason ?? comment;
  const when = h("p", { class: "mute" }, format.moment(date));
  return notice(isDeclined ? "bad" : "good", title, said ? paragraph(said) : null, when);
}

/** Whether an import ended while it awaited approval, so that none of its rows was processed. */
export function endedWaiting(record) {
  const { required, date } = record.approval;
  return required && (record.status === "ABORTED" || (record.status === "CANCELLED" && date === null));
}

/** Why an import ended that was not approved; null of any other. */
export function notApproved(record) {
  if (record.error?.code !== "APPROVAL_EXPIRED") return null;
  return notice("bad", `${capital(what(record))} expired`, paragraph(record.error.message));
}
