// Amounts that somebody types in, as whole numbers in the smallest unit.

// More is no control total: 15 digits are exact everywhere.
const MOST = 10 ** 15 - 1;

/**
 * The credits in an amount as the reader writes it, or with a decimal point. Throws an error that says how to
 * write it; nothing is guessed.
 * @param {string} text
 * @param {number} places the unit's decimals
 */
export function credits(text, places) {
  const given = plain(text).trim();
  const found = new Set([reading(given, ".", ""), reading(given, ...marks())].filter(Boolean));
  if (found.size > 1) throw new Error("This is ambiguous. Enter it without thousands separators.");
  const [whole, fraction = ""] = [...found].join().split(".");
  if (!whole) throw new Error("Enter a number in digits.");
  if (fraction.length > places) {
    throw new Error(places ? `At most ${places} decimals are possible.` : "Decimals are not possible.");
  }
  const number = Number(whole + fraction.padEnd(places, "0"));
  if (number > MOST) throw new Error("The number is too large.");
  return number;
}

// The reader's decimal mark, and what separates groups of digits.
function marks() {
  const parts = new Intl.NumberFormat().formatToParts(123456789.5);
  const of = (type) => plain(parts.find((each) => each.type === type)?.value ?? "");
  return [of("decimal"), of("group")];
}

// A text with one kind of space and of apostrophe: browsers separate groups by others than people.
function plain(text) {
  return text.replace(/\s/g, " ").replaceAll("’", "'");
}

// The digits of a text, with a point before the decimals; null if it is no number with these marks.
function reading(text, decimal, group) {
  const [whole, fraction, ...more] = text.split(decimal);
  const groups = group ? whole.split(group) : [whole];
  const [first, ...others] = groups;
  const last = others.pop();
  const isGrouped =
    last === undefined ||
    (/^\d{1,3}$/.test(first) && /^\d{3}$/.test(last) && others.every((each) => /^\d{2,3}$/.test(each)));
  const isNumber = groups.every((each) => /^\d+$/.test(each)) && /^\d+$/.test(fraction ?? "0");
  if (more.length || !isGrouped || !isNumber) return null;
  return groups.join("") + (fraction === undefined ? "" : `.${fraction}`);
}
