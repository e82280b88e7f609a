// Reads a demo's JSON lines and fails unless windows closed while it ran, one of them with revenue.
import { readFileSync } from 'node:fs';

const lines = readFileSync(process.argv[2], 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const views = lines.filter(({ code }) => code === 'demo');
const last = views.at(-1);
const problems = [];
if (!last) problems.push('the demo showed nothing');
else {
  if (!(last.closed > 0)) problems.push('no window closed');
  if (!last.rows.some((row) => row.fechada && BigInt(row.centavos) > 0n)) {
    problems.push('no closed window has revenue');
  }
}
if (problems.length > 0) {
  console.error(`error: ${problems.join('; ')}`);
  process.exit(1);
}
console.log(`demo: ${last.closed} totals closed, the first after ${last.firstClosedMs} ms`);
