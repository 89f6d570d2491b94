// Amounts are read as people write them, or rejected: node amounts_check.mjs path/to/amounts.mjs

import assert from "node:assert/strict";

const { credits } = await import(process.argv[2]);
const Native = Intl.NumberFormat;

function inLanguage(language) {
  Intl.NumberFormat = function (_, options) {
    return new Native(language, options);
  };
}

const READ = [
  ["en-US", "1234.50", 2, 123450],
  ["en-US", " 1,234.5 ", 2, 123450],
  ["en-US", "1,234,567", 0, 1234567],
  ["en-US", "0", 3, 0],
  ["en-US", "007", 0, 7],
  ["en-US", "1.234", 3, 1234],
  ["en-IN", "1,23,456.50", 2, 12345650],
  ["de-DE", "1.234,50", 2, 123450],
  ["de-DE", "1234,5", 2, 123450],
  ["de-DE", "1234.50", 2, 123450],
  ["fr-FR", "1\u202f234,50", 2, 123450],
  ["fr-FR", "1 234,50", 2, 123450],
  ["de-CH", "1’234.50", 2, 123450],
  ["ar-EG", "1234.50", 2, 123450],
  ["en-US", "9,999,999,999,999.99", 2, 999999999999999],
];
const REJECTED = [
  ["en-US", "", 2, /digits/],
  ["en-US", "x", 2, /digits/],
  ["en-US", "-5", 2, /digits/],
  ["en-US", "1e3", 0, /digits/],
  ["en-US", "5.", 2, /digits/],
  ["en-US", ".5", 2, /digits/],
  ["en-US", "12,34", 2, /digits/],
  ["en-US", "1,2345", 2, /digits/],
  ["en-US", "1.2.3", 2, /digits/],
  ["en-US", "1.234,50", 2, /digits/],
  ["en-US", "1.005", 2, /At most 2 decimals/],
  ["en-US", "7.0", 0, /Decimals are not possible/],
  ["de-DE", "1.234", 3, /ambiguous/],
  ["de-DE", "1.234", 2, /ambiguous/],
  ["en-US", "10000000000000", 2, /too large/],
];

for (const [language, text, places, expected] of READ) {
  inLanguage(language);
  assert.equal(credits(text, places), expected, `${language}: ${text}`);
}
for (const [language, text, places, problem] of REJECTED) {
  inLanguage(language);
  assert.throws(() => credits(text, places), problem, `${language}: ${text}`);
}
