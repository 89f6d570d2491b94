// The REST API, asked as the user who signed in.

import * as session from "./session.js";

const stack = JSON.parse(document.querySelector('meta[name="stack"]').content);
const BASE = `api/v1/${encodeURIComponent(stack.tenant)}`;
const BUSY_PAUSE = 2_000;

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body = {}, signal = undefined) => call("POST", path, body, signal);

// The answer's JSON. A session that has ended is renewed, by the user if need be, and the request sent again;
// so is one that a busy service refused. Nothing else is repeated.
async function call(method, path, body, signal) {
  for (let attempt = 1; ; attempt += 1) {
    const token = await session.token();
    signal?.throwIfAborted();
    const response = await send(method, path, body, token, signal);
    if (response.ok) return parsed(await response.text());
    const problem = await response.json().catch(() => ({}));
    if (response.status === 401 && attempt <= 3) {
      session.refused(token);
    } else if (response.status === 503 && problem.apiErrorCode === "TRY_AGAIN" && attempt <= 3) {
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE));
    } else {
      throw new ApiError(response.status, problem.apiErrorCode || "", problem.message || words(response.status));
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
    throw new ApiError(0, "OFFLINE", "There is no connection to the service. Check your network and try again.");
  }
}

function words(status) {
  if (status === 429) return "Too many requests at once. Wait a moment and try again.";
  return `The service answered with an error (${status}). Try again in a moment.`;
}

// Whole numbers beyond 2^53 stay exact where the browser hands over their digits.
function parsed(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context.source)
      : value,
  );
}

// Asks again and again until `use` says that it has seen the end, or the signal ends it. A lost connection
// is told to `lost` (null when it is back) and survived. What `use` throws ends it.
export async function follow(path, signal, use, lost = () => {}) {
  let pause = 700;
  let away = false;
  while (!signal.aborted) {
    let found = null;
    try {
      found = await get(path, signal);
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      if (error.status > 0 && error.status < 500 && error.status !== 429) throw error;
      away = true;
      lost(error);
      pause = Math.min(pause * 2, 15_000);
    }
    if (found) {
      if (away) lost(null);
      away = false;
      if (use(found)) return;
      pause = Math.min(pause * 1.15, 3_000);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
