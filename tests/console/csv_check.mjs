// Checks the CSV files that the browser makes. Arguments: the path of csv.js.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const { csv } = await import(pathToFileURL(process.argv[2]).href);

assert.equal(
  csv([
    ["a", 1, null],
    ['say "x"', "b,c", "d\ne"],
  ]),
  '"a","1",""\r\n"say ""x""","b,c","d\ne"\r\n',
);
for (const start of ["=", "+", "-", "@", "\t", "\r"]) {
  assert.equal(csv([[`${start}1`]]), `"'${start}1"\r\n`);
}
assert.equal(csv([["a=1"]]), '"a=1"\r\n');
