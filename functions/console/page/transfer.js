// Bringing a file to the upload bucket, with a presigned form of the API.

import { ApiError, get, post } from "./api.js";

const MAX_FILE = 2 * 2 ** 30;
const MAX_WORKBOOK = 512 * 2 ** 20;

/** Why a file need not be sent, or null. `bytes` formats a size. */
export function unfit(file, bytes) {
  const ending = /\.(csv|txt|tsv|xlsx)$/i.exec(file.name)?.[1].toLowerCase();
  if (!ending) {
    return `“${file.name}” has an unsupported format. Save it as CSV (UTF-8) or as an Excel workbook (.xlsx).`;
  }
  if (file.size === 0) return `“${file.name}” is empty. Save it again and check its size.`;
  const limit = ending === "xlsx" ? MAX_WORKBOOK : MAX_FILE;
  if (file.size <= limit) return null;
  const sizes = `${bytes(file.size)}; the limit is ${bytes(limit)}`;
  return `“${file.name}” is too large (${sizes}). Split it, or save a workbook as CSV.`;
}

/** Creates an import and sends the file; the import's id. Tried again, it goes on with the same import. */
export async function transfer(own) {
  const hasArrived = own.created && (await get(`/import/${own.created.id}`)).status !== "PENDING";
  if (hasArrived) return own.created.id;
  own.created ||= await post("/import", {
    type: "REDEEMABLE_REWARD_BALANCE",
    fileName: own.file.name,
    dryRun: true,
    ...own.options,
  });
  if (own.stopped) throw new Error("stopped");
  await send(own, own.created.upload);
  return own.created.id;
}

// fetch() does not report how much it has sent; XMLHttpRequest does.
function send(own, form) {
  const body = new FormData();
  for (const [name, text] of Object.entries(form.fields)) body.append(name, text);
  body.append("file", own.file); // S3 wants it last
  const broken = "The connection was lost, or the file was changed while it was sent.";
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    own.request = request;
    request.upload.onprogress = (event) =>
      own.onProgress(Math.min(event.loaded / event.total, 1), Math.min(event.loaded, own.file.size));
    request.onload = () => (request.status < 300 ? resolve(undefined) : reject(rejected(request, own)));
    request.onerror = () => reject(new ApiError(0, "OFFLINE", broken));
    request.onabort = () => reject(new Error("stopped"));
    request.onloadend = () => (own.request = null);
    request.open("POST", form.url);
    request.send(body);
  });
}

function rejected(request, own) {
  const code = /<Code>(\w+)<\/Code>/.exec(request.responseText)?.[1] || String(request.status);
  if (code === "EntityTooLarge") return new Error("The file is larger than is allowed for its format.");
  own.created = null; // most likely the form has expired: the next try gets a new one
  return new Error(`The storage rejected the file (${code}).`);
}
