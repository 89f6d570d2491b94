// Revoking the download links that were sent by email.

import { operatorAction } from "./actions.js";
import { post } from "./api.js";
import { announce } from "./dom.js";
import { dialog } from "./errors.js";
import { paragraph } from "./ui.js";

/** A button that revokes the links to the files of a report or import; `path` is its path in the API. */
export function revokeLinks(path) {
  return operatorAction("Revoke links", () => revoke(path), { id: "revoke-links" });
}

async function revoke(path) {
  const sure = await dialog(
    "Revoke links?",
    paragraph("All download links that were sent by email stop working. Files can still be downloaded here."),
    [
      ["Keep links", "", ""],
      ["Revoke links", "yes", "danger"],
    ],
    { tone: "danger" },
  );
  if (!sure) return;
  await post(`${path}/links/revoke`);
  announce("The links were revoked");
}
