// Choosing a file to import. It is always uploaded as a preview first.

import { action, unavailable } from "./actions.js";
import { announce, fill, h } from "./dom.js";
import * as format from "./format.js";
import { folded, importsTable, keepShowing } from "./imports.js";
import { address } from "./router.js";
import * as session from "./session.js";
import { totalsFields } from "./totals.js";
import { transfer, unfit } from "./transfer.js";
import { crumb, heading, loading, muted, notice, paragraph, progress, titled } from "./ui.js";

// What Excel saves as CSV in most countries; any other encoding can be set by API or object metadata.
const ENCODINGS = [
  ...["UTF-8", "Windows-1250", "Windows-1251", "Windows-1252", "Windows-1253", "Windows-1254", "ISO-8859-2"],
  ...["Mac Roman", "Shift_JIS", "EUC-KR", "GB18030", "Big5", "UTF-16LE"],
];
const SEPARATORS = [
  ["", "Detect"],
  ["comma", "Comma"],
  ["semicolon", "Semicolon"],
  ["tab", "Tab"],
];
const READ_ONLY = "Read-only: only users in the group “operators” can import files. Ask your administrator.";

// The one upload of this tab. It goes on while other pages are shown.
/** @type {any} */
let running = null;

addEventListener("beforeunload", (event) => {
  if (running?.request) event.preventDefault();
});

// A file that is dropped beside the place for it would take the browser away from this page.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => event.preventDefault());

export function view(root, { signal }) {
  titled("Import file");
  const place = h("section", { class: "card", "aria-labelledby": "upload-title" });
  const recent = h("section", { class: "card", "aria-labelledby": "recent-title" }, loading());
  fill(root, crumb(address("imports"), "Imports"), heading("Import file"), place, recent);
  if (running) showUpload(place, signal);
  else showChoice(place, signal);
  keepShowing(recent, "/import/history/list?limit=5", signal, ({ data }) => {
    const none = muted("No imports yet. This list shows the imports of all users.");
    const list = data.length
      ? [importsTable(folded(data)), paragraph(h("a", { href: address("imports") }, "All imports"))]
      : none;
    return [h("h2", { id: "recent-title" }, "Recent imports"), list];
  });
}

const title = () => h("h2", { id: "upload-title" }, "Redeem paid amounts");

function select(id, choices) {
  return h(
    "select",
    { id },
    choices.map(([value, name]) => h("option", { value }, name)),
  );
}

function fileOptions(encoding, separator) {
  return h(
    "details",
    {},
    h("summary", {}, "File options"),
    muted("For text files only. Set them if a preview shows wrong letters or columns."),
    h(
      "div",
      { class: "row" },
      labelled("encoding", "Encoding", encoding),
      labelled("separator", "Separator", separator),
    ),
  );
}

function labelled(id, label, input) {
  return h("div", { class: "field" }, h("label", { for: id }, label), input);
}

function duplicateCheck(input) {
  const hint =
    "Rows without a rowId are redeemed again. Select this only if a second payment is meant. " +
    "Otherwise a file with the same rows as an import of the last 35 days is rejected.";
  const label = h("label", { for: "allow-duplicate" }, "Import even if the same rows were imported before");
  return h(
    "div",
    { class: "field check" },
    h("div", {}, input, label),
    h("p", { class: "hint", id: "allow-duplicate-hint" }, hint),
  );
}

function showChoice(place, signal) {
  const accept = ".csv,.txt,.tsv,.xlsx";
  const input = h("input", { type: "file", id: "file", class: "unseen", accept, on: { change: choose } });
  const button = session.isOperator()
    ? [input, h("label", { for: "file", class: "button primary" }, "Choose file")]
    : unavailable("Choose file", READ_ONLY, "primary");
  const zone = h(
    "div",
    { class: "drop", on: { dragover: over, dragleave: () => zone.classList.remove("over"), drop } },
    h("p", { class: "strong" }, "Drop the filled-in report here"),
    button,
    muted("CSV (.csv, .txt, .tsv) up to 5 GB, Excel workbook (.xlsx) up to 512 MiB"),
  );
  const encoding = select("encoding", [["", "Detect"], ...ENCODINGS.map((name) => [name, name])]);
  const separator = select("separator", SEPARATORS);
  const again = h("input", {
    type: "checkbox",
    id: "allow-duplicate",
    "aria-describedby": "allow-duplicate-hint",
  });
  const said = h("div", { role: "alert" });
  const words = "First you see a preview. Nothing is redeemed before you start the import.";
  const totals = totalsFields(signal);
  const options = fileOptions(encoding, separator);
  fill(place, title(), muted(words), zone, duplicateCheck(again), totals.box, options, said);

  // Emptied at once, or the same file, corrected and chosen again, would be no change.
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
    if (session.isOperator()) take(event.dataTransfer.files);
  }

  function take(files) {
    let problem = problemOf(files);
    let expected = {};
    try {
      expected = totals.expected();
    } catch (error) {
      problem ||= error.message;
    }
    if (problem) fill(said, notice("bad", null, paragraph(problem)));
    if (problem || !files.length) return;
    const isText = !/\.xlsx$/i.test(files[0].name);
    running = { file: files[0], options: isText ? chosen({ encoding, separator }) : {} };
    if (again.checked) running.options.allowDuplicate = true;
    if (Object.keys(expected).length) running.options.expected = expected;
    showUpload(place, signal);
  }
}

function problemOf(files) {
  if (files.length > 1) return "More than one file was chosen. Import them one after the other.";
  return files.length ? unfit(files[0], format.bytes) : null;
}

// The options that are set, by name.
function chosen(fields) {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => (field.value ? [[name, field.value]] : [])),
  );
}

function showUpload(place, signal) {
  const own = running;
  const meter = progress(`Uploading ${own.file.name}`);
  const stop = action("Cancel upload", () => {
    own.stopped = true;
    own.request?.abort();
  });
  const leave = muted(
    "You can visit other pages of the console meanwhile. Keep this tab open until the upload is done.",
  );
  fill(place, title(), meter.box, leave, h("div", { class: "buttons" }, stop));
  own.onProgress = (part, sent) => {
    const sizes = `${format.bytes(sent)} of ${format.bytes(own.file.size)}`;
    meter.show(part, `${sizes} (${format.percent(part)})`);
  };
  own.onProgress(0, 0);
  own.work ||= transfer(own);
  own.work.then(
    (id) => {
      if (running === own) running = null;
      announce("The file is uploaded");
      if (!signal.aborted) location.hash = address("import", id);
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
  const retry = {
    type: "button",
    class: "primary",
    id: "retry",
    on: { click: () => showUpload(place, signal) },
  };
  const again = h("button", retry, "Try again");
  const other = h("button", { type: "button", on: { click: another } }, "Choose another file");
  const kept = "Nothing was redeemed. The file is still selected; you do not have to choose it again.";
  const id = error.requestId ? paragraph(`Request id: ${error.requestId}`) : null;
  const box = notice(
    "bad",
    `“${own.file.name}” was not uploaded`,
    paragraph(error.message),
    paragraph(kept),
    id,
  );
  box.setAttribute("role", "alert");
  fill(place, title(), box, h("div", { class: "buttons" }, again, other));
  again.focus();

  function another() {
    running = null;
    showChoice(place, signal);
  }
}
