// An import that has stopped: since when, what it waits for, and the button that resumes it.

import { operatorAction } from "./actions.js";
import { post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import { notice } from "./ui.js";

const SAFE = "Part of its work may have been lost. Resuming is safe: no row is redeemed twice.";

/** A box that stays as it is while the same stall is shown, so that its button keeps the focus. */
export function stalledNotice() {
  const box = h("div", { role: "status" });
  let shown = null;
  return { box, show };

  function show(record) {
    const since = record.stalled?.since ?? null;
    if (since === shown) return;
    shown = since;
    fill(box, record.stalled ? words(record) : null);
  }
}

function words({ id, stalled, reverses }) {
  const what = reverses ? "reversal" : "import";
  const resume = async () => {
    await post(`/import/${encodeURIComponent(id)}/resume`);
    announce("Resumed");
  };
  return notice(
    "warn",
    `This ${what} has stopped`,
    h("p", {}, "No progress since ", format.moment(stalled.since), `. ${stalled.reason}`),
    h("p", {}, SAFE),
    h("div", { class: "buttons" }, operatorAction(`Resume ${what}`, resume)),
  );
}
