// Usage: node fill_in.js SOURCE TARGET '{"H2": 1.5}': set these cells of the first sheet and save the workbook.
const { Workbook } = require("exceljs");

async function main([source, target, values]) {
  const book = new Workbook();
  await book.xlsx.readFile(source);
  for (const [cell, value] of Object.entries(JSON.parse(values))) {
    book.worksheets[0].getCell(cell).value = value;
  }
  await book.xlsx.writeFile(target);
}

main(process.argv.slice(2));
