// Addresses of the console: #/import/06gz...?page=2. Emails link to import/{id}, reports/{id} and import.

/**
 * @typedef {{ page: string, parts: string[], query: URLSearchParams }} Place
 */

// What each page expects after its name.
const PAGES = {
  home: 0,
  imports: 0,
  "new-import": 0,
  import: 1,
  reports: 0,
  report: 1,
  participants: 0,
  account: 1,
  participant: 2,
  settings: 0,
  audit: 0,
  keys: 0,
  security: 0,
};

/**
 * The page that an address shows; `page` is "" for an address that shows none.
 * @param {string} hash
 * @returns {Place}
 */
export function placeOf(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const query = new URLSearchParams(search);
  const segments = decoded(path);
  if (!segments) return { page: "", parts: [], query };
  const [name = "home", ...parts] = renamed(segments, query);
  const known = Object.hasOwn(PAGES, name) && PAGES[name] === parts.length;
  return { page: known ? name : "", parts, query };
}

// Undefined for an address with a broken escape.
function decoded(path) {
  try {
    return path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

// Addresses that emails and earlier versions use.
function renamed([name, ...parts], query) {
  if (name === undefined) return ["home"];
  if (name === "reports" && parts.length === 1) return ["report", ...parts];
  if (name === "import" && parts.length === 0) return ["new-import"];
  if (name === "history") return [parts[0] === "exports" ? "reports" : "imports"];
  if (name === "balances" && parts.length === 0) {
    const [account, user] = [query.get("account"), query.get("user")];
    if (!account) return ["home"];
    return user ? ["participant", account, user] : ["account", account];
  }
  return [name, ...parts];
}

/** @param {...string} parts */
export function address(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/**
 * The number of a page of a list, counted from 0.
 * @param {URLSearchParams} query
 */
export function pageNumber(query) {
  const number = Number.parseInt(query.get("page") || "1", 10);
  return number > 1 ? number - 1 : 0;
}
