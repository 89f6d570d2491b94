// The statuses of imports and reports in words, and as badges.

import { h } from "./dom.js";
import { anyFailed } from "./outcomes.js";

const TONES = {
  "Awaiting approval": "warn",
  Declined: "bad",
  Completed: "good",
  "Completed with errors": "warn",
  Stopped: "warn",
  Rejected: "bad",
  Failed: "bad",
  Expired: "mute",
  Cancelled: "mute",
  Reversed: "mute",
};

export function badge(word) {
  return h("span", { class: `status ${TONES[word] || "busy"}` }, word);
}

/** The status of an import; `isReversed` says that everything it redeemed was returned. */
export function importStatus(record, isReversed = false) {
  switch (record.status) {
    case "PENDING":
      return record.startedFrom || record.reverses ? "Processing" : "Waiting for upload";
    case "VALIDATING":
      return "Validating";
    case "AWAITING_APPROVAL":
      return "Awaiting approval";
    case "PROCESSING":
      return "Processing";
    case "CANCELLED":
      return isReversed ? "Reversed" : "Cancelled";
    case "ABORTED":
      return rejected(record.error?.code);
    default:
      if (isReversed) return "Reversed";
      return record.error || anyFailed(record) ? "Completed with errors" : "Completed";
  }
}

function rejected(code) {
  if (code === "UPLOAD_EXPIRED" || code === "APPROVAL_EXPIRED") return "Expired";
  return code === "APPROVAL_REJECTED" ? "Declined" : "Rejected";
}

const REPORT_STATUS = {
  PENDING: "In progress",
  COMPLETED: "Completed",
  ABORTED: "Failed",
  EXPIRED: "Expired",
};

export const reportStatus = (record) => REPORT_STATUS[record.status] || record.status;

export function kindOf(record) {
  if (record.reverses) return "Reversal";
  if (record.type === "REWARD") return "Rewards file";
  return record.dryRun ? "Preview" : "Redemption";
}
