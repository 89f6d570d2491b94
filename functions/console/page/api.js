// The REST API, called as the user who signed in.

import * as session from "./session.js";
import { stack } from "./stack.js";

const BASE = `api/v1/${encodeURIComponent(stack.tenant)}`;
const BUSY_PAUSE = 2_000;
// So often a server error is retried without a word while something is followed.
const QUIET_RETRIES = 2;

export class ApiError extends Error {
  /**
   * @param {number} status 0 where the network failed
   * @param {string} code
   * @param {string} message
   * @param {string} requestId
   */
  constructor(status, code, message, requestId = "") {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

export const get = (path, signal = undefined) => call("GET", path, undefined, signal);
export const post = (path, body = {}, signal = undefined) => call("POST", path, body, signal);
export const remove = (path, signal = undefined) => call("DELETE", path, undefined, signal);

// The response's JSON. A session that has ended is renewed, by the user if need be, and the request sent again;
// so is one that a busy service rejected. Nothing else is repeated.
async function call(method, path, body, signal) {
  for (let attempt = 1; ; attempt += 1) {
    const token = await session.token();
    signal?.throwIfAborted();
    const response = await send(method, path, body, token, signal);
    if (response.ok) return parsed(await response.text());
    const problem = await response.json().catch(() => ({}));
    if (response.status === 401 && attempt <= 3) {
      session.rejected(token);
    } else if (response.status === 503 && problem.apiErrorCode === "TRY_AGAIN" && attempt <= 3) {
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE));
    } else {
      const message = problem.message || words(response.status);
      const requestId = response.headers.get("X-Request-Id") || "";
      throw new ApiError(response.status, problem.apiErrorCode || "", message, requestId);
    }
  }
}

async function send(method, path, body, token, signal) {
  const headers = { Authorization: `Bearer ${token}`, Accept: "application/json", "X-Client": "console" };
  if (body) headers["Content-Type"] = "application/json";
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      credentials: "omit", // or a browser that holds the API key would ask for it, or send it
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(
      0,
      "OFFLINE",
      "There is no connection to the service. Check your network and try again.",
    );
  }
}

function words(status) {
  if (status === 429) return "Too many requests at once. Wait a moment and try again.";
  return `The service failed with status ${status}. Try again in a moment.`;
}

// Whole numbers beyond 2^53 stay exact where the browser hands over their digits.
function parsed(text) {
  /** @type {any} */
  const exact = (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context.source)
      : value;
  return JSON.parse(text, exact);
}

/**
 * Reads again and again until `use` returns true or the signal ends it. A network failure is reported to
 * `lost`, with a function that retries at once (null when the connection is back), and survived. A server error
 * that stays, and what `use` throws, ends it.
 */
export async function follow(path, signal, use, lost = /** @type {any} */ (() => {})) {
  let pause = 700;
  let away = false;
  let failures = 0;
  while (!signal.aborted) {
    let wake;
    const woken = new Promise((resolve) => (wake = resolve));
    let found = null;
    try {
      found = await get(path, signal);
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      const network = error.status === 0;
      failures += 1;
      const passing = error.status === 429 || (error.status >= 500 && failures <= QUIET_RETRIES);
      if (!network && !passing) throw error;
      if (network) {
        away = true;
        lost(error, wake);
      }
      pause = Math.min(pause * 2, 15_000);
    }
    if (found) {
      failures = 0;
      if (away) {
        lost(null);
        pause = 700;
      }
      away = false;
      if (use(found)) return;
      pause = Math.min(pause * 1.15, 3_000);
    }
    await Promise.race([woken, new Promise((resolve) => setTimeout(resolve, pause))]);
  }
}

/** All elements of a list that the API hands out in parts. */
export async function all(path, signal, size = 1_000) {
  const found = [];
  for (;;) {
    const part = await get(`${path}&limit=${size}&offset=${found.length}`, signal);
    found.push(...part);
    if (part.length < size) return found;
  }
}
