// Checks which page each address shows. Arguments: the path of router.js.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const { address, pageNumber, placeOf } = await import(pathToFileURL(process.argv[2]).href);
const shown = (hash) => {
  const { page, parts } = placeOf(hash);
  return [page, ...parts];
};

assert.deepEqual(shown(""), ["home"]);
assert.deepEqual(shown("#/"), ["home"]);
assert.deepEqual(shown("#/home"), ["home"]);
assert.deepEqual(shown("#/imports?page=2"), ["imports"]);
assert.deepEqual(shown("#/audit?actor=ann%40example.com"), ["audit"]);
// What emails and earlier versions link to.
assert.deepEqual(shown("#/import/06gz"), ["import", "06gz"]);
assert.deepEqual(shown("#/reports/06gz"), ["report", "06gz"]);
assert.deepEqual(shown("#/import"), ["new-import"]);
assert.deepEqual(shown("#/history"), ["imports"]);
assert.deepEqual(shown("#/history/exports"), ["reports"]);
assert.deepEqual(shown("#/balances"), ["home"]);
assert.deepEqual(shown("#/balances?account=a%2Fb&user=ann"), ["participant", "a/b", "ann"]);
assert.deepEqual(shown("#/balances"), ["home"]);
assert.deepEqual(shown("#/balances?account=acme"), ["account", "acme"]);
// Ids with any characters survive.
assert.deepEqual(shown(address("participant", "a/b?c#d", "ü %")), ["participant", "a/b?c#d", "ü %"]);
for (const unknown of [
  "#/nonsense",
  "#/imports/1",
  "#/import/1/2",
  "#/participant/a",
  "#/constructor",
  "#/%",
]) {
  assert.equal(placeOf(unknown).page, "", unknown);
}
assert.deepEqual(
  ["", "page=1", "page=3", "page=-1", "page=x"].map((query) => pageNumber(new URLSearchParams(query))),
  [0, 0, 2, 0, 0],
);
