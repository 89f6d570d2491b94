// Choosing a file, and bringing it to the upload bucket. It is always uploaded as a preview first.

import { ApiError, get, post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import * as session from "./session.js";
import { importsTable, keepShowing } from "./history.js";
import { action, empty, heading, loading, notice, progress, viewerNotice } from "./ui.js";

const MAX_FILE = 2 * 2 ** 30;
// What Excel saves as CSV in most countries; any other encoding can be set by API or object metadata.
const ENCODINGS = ["UTF-8", "Windows-1250", "Windows-1251", "Windows-1252", "Windows-1253", "Windows-1254", "ISO-8859-2", "Mac Roman", "Shift_JIS", "EUC-KR", "GB18030", "Big5", "UTF-16LE"];
const MAX_WORKBOOK = 100 * 2 ** 20;

// The one upload of this tab. It goes on while other pages are looked at.
let running = null;

addEventListener("beforeunload", (event) => {
  if (running?.request) event.preventDefault();
});

// A file that is dropped beside the place for it would take the browser away from this page.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => event.preventDefault());

export function view(root, { signal }) {
  const place = h("section", { class: "card", "aria-labelledby": "upload-title" });
  const recent = h("section", { class: "card", "aria-labelledby": "recent-title" });
  fill(root, heading("Import"), place, recent);
  if (!session.isOperator()) fill(place, h("h2", { id: "upload-title" }, "Redeem what was paid"), viewerNotice());
  else if (running) showUpload(place, signal);
  else showChoice(place, signal);
  fill(recent, loading());
  keepShowing(recent, "/import/history/list?limit=5", signal, ({ data }) => {
    const list = data.length ? [importsTable(data), h("p", {}, h("a", { href: "#/history" }, "All imports"))] : empty("No imports yet", "What you import is listed here.");
    return [h("h2", { id: "recent-title" }, "Lately"), list];
  });
}

function showChoice(place, signal, problem = "") {
  const input = h("input", { type: "file", id: "file", class: "unseen", accept: ".csv,.txt,.tsv,.xlsx", on: { change: choose } });
  const zone = h(
    "div",
    { class: "drop", on: { dragover: over, dragleave: () => zone.classList.remove("over"), drop } },
    h("p", { class: "strong" }, "Drop the filled-in report here"),
    input,
    h("label", { for: "file", class: "button primary" }, "Choose a file"),
    h("p", { class: "mute" }, "CSV (.csv, .txt, .tsv) up to 2 GiB, Excel workbook (.xlsx) up to 512 MiB"),
  );
  const encoding = h("select", { id: "encoding" }, h("option", { value: "" }, "Detect"), ENCODINGS.map((name) => h("option", { value: name }, name)));
  const separators = [["", "Detect"], ["comma", "Comma"], ["semicolon", "Semicolon"], ["tab", "Tab"]];
  const separator = h("select", { id: "separator" }, separators.map(([value, name]) => h("option", { value }, name)));
  const options = h(
    "details",
    {},
    h("summary", {}, "File options"),
    h("p", { class: "mute" }, "For text files only. Set them if a preview shows wrong letters or columns."),
    h("p", {}, h("label", { for: "encoding" }, "Encoding"), " ", encoding),
    h("p", {}, h("label", { for: "separator" }, "Separator"), " ", separator),
  );
  const again = h("input", { type: "checkbox", id: "allow-duplicate", "aria-describedby": "allow-duplicate-hint" });
  const duplicates = h(
    "div",
    { class: "field check" },
    h("div", {}, again, h("label", { for: "allow-duplicate" }, "Import even if the same rows were imported before")),
    h("p", { class: "hint", id: "allow-duplicate-hint" }, "Rows without a rowId or a reference are redeemed again. Select this only if a second payment is meant. Otherwise a file with the same rows as an import of the last 35 days is rejected."),
  );
  const said = h("div", { role: "alert" }, problem ? notice("bad", null, h("p", {}, problem)) : null);
  fill(
    place,
    h("h2", { id: "upload-title" }, "Redeem what was paid"),
    h("p", { class: "mute" }, "First you see what would happen. Nothing is redeemed before you start it."),
    zone,
    duplicates,
    options,
    said,
  );

  // Emptied at once, or the same file, mended and chosen again, would be no change.
  function choose() {
    const files = [...input.files];
    input.value = "";
    take(files);
  }

  function over(event) {
    event.preventDefault();
    zone.classList.add("over");
  }

  function drop(event) {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files);
  }

  function take(files) {
    const wrong = files.length === 0 ? null : files.length > 1 ? "That is more than one file. Import them one after the other." : unfit(files[0]);
    if (wrong) return fill(said, notice("bad", null, h("p", {}, wrong)));
    if (!files.length) return undefined;
    const text = !/\.xlsx$/i.test(files[0].name);
    running = { file: files[0], options: text ? chosen({ encoding, separator }) : {} };
    if (again.checked) running.options.allowDuplicate = true;
    showUpload(place, signal);
    return undefined;
  }
}

// The options that are set, by name.
function chosen(fields) {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, field]) => (field.value ? [[name, field.value]] : [])));
}

// Why a file need not be sent, or null.
function unfit(file) {
  const ending = /\.(csv|txt|tsv|xlsx)$/i.exec(file.name)?.[1].toLowerCase();
  if (!ending) return `“${file.name}” is neither a .csv nor an .xlsx file (nor .txt or .tsv). Save it as CSV (UTF-8) or as an Excel workbook.`;
  if (file.size === 0) return `“${file.name}” is empty. Was it saved?`;
  const limit = ending === "xlsx" ? MAX_WORKBOOK : MAX_FILE;
  if (file.size > limit) return `“${file.name}” has ${format.bytes(file.size)}. Split it, or save a workbook as CSV: that may have up to 2 GiB.`;
  return null;
}

function showUpload(place, signal) {
  const own = running;
  const meter = progress(`Uploading ${own.file.name}`);
  const stop = action("Cancel the upload", () => (own.stopped = true) && own.request?.abort());
  fill(place, h("h2", { id: "upload-title" }, "Redeem what was paid"), meter.box, h("div", { class: "buttons" }, stop));
  own.onProgress = (part, sent) => meter.show(part, `${format.bytes(sent)} of ${format.bytes(own.file.size)}`);
  own.onProgress(0, 0);
  own.work ||= transfer(own);
  own.work.then(
    (id) => {
      if (running === own) running = null;
      announce("The file is uploaded");
      if (!signal.aborted) location.hash = `#/import/${id}`;
    },
    (error) => {
      own.work = null;
      if (own.stopped) running = null;
      if (signal.aborted) return;
      if (own.stopped) showChoice(place, signal);
      else showBroken(place, signal, own, error);
    },
  );
}

function showBroken(place, signal, own, error) {
  const again = h("button", { type: "button", class: "primary", id: "retry", on: { click: () => showUpload(place, signal) } }, "Try again");
  const other = h("button", { type: "button", on: { click: () => ((running = null), showChoice(place, signal)) } }, "Choose another file");
  const box = notice("bad", `“${own.file.name}” did not arrive`, h("p", {}, error.message), h("p", {}, "Nothing was redeemed. The file is still here: you need not choose it again."));
  box.setAttribute("role", "alert");
  fill(place, h("h2", { id: "upload-title" }, "Redeem what was paid"), box, h("div", { class: "buttons" }, again, other));
  again.focus();
}

// Orders an import and sends the file; the import's id. Tried again, it goes on with the same import.
async function transfer(own) {
  if (own.order && (await get(`/import/${own.order.id}`)).status !== "PENDING") return own.order.id; // it had arrived
  own.order ||= await post("/import", { type: "REDEEMABLE_REWARD_BALANCE", fileName: own.file.name, dryRun: true, ...own.options });
  if (own.stopped) throw new Error("stopped");
  await send(own, own.order.upload);
  return own.order.id;
}

// fetch() tells nothing of what it has sent; XMLHttpRequest does.
function send(own, form) {
  const body = new FormData();
  for (const [name, text] of Object.entries(form.fields)) body.append(name, text);
  body.append("file", own.file); // S3 wants it last
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    own.request = request;
    request.upload.onprogress = (event) => own.onProgress(Math.min(event.loaded / event.total, 1), Math.min(event.loaded, own.file.size));
    request.onload = () => (request.status < 300 ? resolve() : reject(refused(request, own)));
    request.onerror = () => reject(new ApiError(0, "OFFLINE", "The connection was lost, or the file was changed while it was sent."));
    request.onabort = () => reject(new Error("stopped"));
    request.onloadend = () => (own.request = null);
    request.open("POST", form.url);
    request.send(body);
  });
}

function refused(request, own) {
  const code = /<Code>(\w+)<\/Code>/.exec(request.responseText)?.[1] || String(request.status);
  if (code === "EntityTooLarge") return new Error("The file is larger than is allowed for its format.");
  own.order = null; // most likely the form is too old: the next try gets a new one
  return new Error(`The storage refused the file (${code}).`);
}
