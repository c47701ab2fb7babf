// Adds up, gzipped, the scripts that the landing page loads before anything is clicked. Fails over budget.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budgetKb = 250;
const dist = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", dist), "utf8");
const files = new Set();
const visit = (path) => {
  if (files.has(path)) return;
  files.add(path);
  const source = readFileSync(new URL(path, dist), "utf8");
  for (const [, name] of source.matchAll(/(?:^|[;}])import(?:[^"'();]*?from)?["']\.\/([^"']+\.js)["']/g)) visit(`assets/${name}`);
};
for (const [, path] of html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)) visit(path);
// The landing page itself comes by a dynamic import, at once.
for (const name of readdirSync(new URL("assets/", dist))) if (/^ShopPage-.*\.js$/.test(name)) visit(`assets/${name}`);
let total = 0;
for (const path of files) {
  const kb = gzipSync(readFileSync(new URL(path, dist))).length / 1024;
  total += kb;
  console.log(`${kb.toFixed(1).padStart(7)} kB  ${path}`);
}
console.log(`${total.toFixed(1).padStart(7)} kB  first load, gzipped (budget ${budgetKb})`);
if (total > budgetKb) process.exit(1);
