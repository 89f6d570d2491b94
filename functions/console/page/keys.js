// The page of API keys, for administrators: creates a key, which is shown once, lists keys and revokes them.

import { action } from "./actions.js";
import { get, post, remove } from "./api.js";
import { announce, fill, h, newId } from "./dom.js";
import { copyable, dialog } from "./errors.js";
import * as format from "./format.js";
import { address, pageNumber } from "./router.js";
import * as session from "./session.js";
import { administratorsOnly, toSettings } from "./settings.js";
import { badge } from "./status.js";
import { pager, table } from "./table.js";
import { card, empty, field, heading, into, loading, notice, paragraph, titled } from "./ui.js";

const SIZE = 50;
const SCOPES = [
  ["read", "Read", "Read everything, and download reports and results."],
  ["write", "Write", "What operators may do: reports, imports, rewards and balances."],
  ["admin", "Admin", "What administrators may do: create and revoke API keys."],
];

export function view(root, { query, signal }) {
  titled("API keys");
  if (!session.user().isAdministrator) {
    fill(root, heading("API keys"), administratorsOnly());
    return;
  }
  const list = h("div", {}, loading(4));
  const show = () => into(list, signal, () => keysList(pageNumber(query), show, signal));
  fill(root, toSettings(), heading("API keys"), createForm(show), card("All keys", list));
  show();
}

function createForm(done) {
  const made = h("div", { role: "status" });
  const name = h("input", { name: "name", maxlength: "50", autocomplete: "off", placeholder: "payroll" });
  const button = action("Create key", send, { kind: "primary" });
  const submit = (event) => {
    event.preventDefault();
    button.click();
  };
  const scopes = h("fieldset", { class: "types" }, h("legend", {}, "Scopes"), SCOPES.map(scopeChoice));
  const hint = "Who uses the key: letters, digits, spaces, underscores, dots and hyphens.";
  const form = h(
    "form",
    { on: { submit } },
    field("Name", name, hint),
    scopes,
    h("div", { class: "buttons" }, button),
  );
  return card("Create key", made, form);

  async function send() {
    const chosen = new FormData(form).getAll("scope");
    const key = await post("/keys", { name: name.value.trim(), scopes: chosen });
    fill(made, created(key));
    announce("The key was created");
    form.reset();
    done();
  }
}

function scopeChoice([scope, label, use]) {
  const id = newId("scope");
  const input = h("input", {
    type: "checkbox",
    name: "scope",
    value: scope,
    id,
    checked: scope === "read",
    "aria-describedby": `${id}-use`,
  });
  return h("div", {}, input, h("label", { for: id }, label), h("p", { class: "hint", id: `${id}-use` }, use));
}

function created(key) {
  const words =
    "Copy the key now. It is not shown again. Programs send it as the password of HTTP Basic authentication.";
  return notice(
    "good",
    `The key “${key.name}” was created`,
    paragraph(words),
    h("p", { class: "secret" }, copyable(key.key, "Copy key")),
  );
}

async function keysList(page, again, signal) {
  const found = await get(`/keys?limit=${SIZE}&offset=${page * SIZE}`, signal);
  if (!found.totalCount) {
    return empty("No API keys yet", "Create a key for each program that uses the API.");
  }
  const to = (number) => `${address("keys")}?page=${number + 1}`;
  const name = (each) => [h("span", {}, each.name), h("span", { class: "id" }, each.id)];
  const by = (moment, person) => [format.moment(moment), h("span", { class: "id" }, person)];
  const state = (each) =>
    each.dateRevoked === null ? "Valid" : [badge("Revoked"), h("span", { class: "id" }, each.revokedBy)];
  const columns = [
    { name: "Key", wide: true, of: name },
    { name: "Scopes", of: (each) => each.scopes.join(", ") },
    { name: "Created", of: (each) => by(each.dateCreated, each.createdBy) },
    {
      name: "Last used",
      of: (each) => (each.dateLastUsed === null ? "never" : format.moment(each.dateLastUsed)),
    },
    { name: "Status", of: state },
    { name: "Action", acts: true, of: (each) => revokeButton(each, again) },
  ];
  const pages = found.totalCount > SIZE ? pager(page, SIZE, found.totalCount, to, "key") : null;
  return [table("API keys, newest first", columns, found.data), pages];
}

function revokeButton(key, again) {
  if (key.dateRevoked !== null) return null;
  return action("Revoke", () => revoke(key, again), { kind: "danger", id: `revoke-${key.id}` });
}

async function revoke(key, again) {
  const sure = await dialog(
    `Revoke the key “${key.name}”?`,
    paragraph("Programs that use it are rejected from now on. This cannot be undone."),
    [
      ["Keep key", "", ""],
      ["Revoke key", "yes", "danger"],
    ],
    { tone: "danger" },
  );
  if (!sure) return;
  await remove(`/keys/${key.id}`);
  announce("The key was revoked");
  again();
}
