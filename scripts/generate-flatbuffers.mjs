/**
 * `npm run generate`: makes src/sale/flatbuffers/generated from the .fbs files beside it. Needs
 * flatc on the PATH (Debian: flatbuffers-compiler); the committed files are those of flatc 2.0.8,
 * which the flatbuffers package at 25.9 runs. Beyond flatc's work, imports get the extension that
 * Node's modules ask for. `-- --check` writes nothing and fails when the files would change.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../src/sale/flatbuffers/', import.meta.url));
const isCheck = process.argv.includes('--check');
const made = mkdtempSync(join(tmpdir(), 'vendaval-flatc-'));
let stale = 0;
try {
  const schemas = ['sale.fbs', 'sale-batch.fbs'].map((name) => join(folder, name));
  execFileSync('flatc', ['--ts', '-o', made, ...schemas], { stdio: 'inherit' });
  for (const name of ['sale.ts', 'sale-batch.ts']) {
    const code = readFileSync(join(made, 'vendaval', name), 'utf8');
    const text = code.replaceAll(/from '\.\.\/vendaval\/([\w-]+)'/g, "from './$1.ts'");
    const target = join(folder, 'generated', name);
    if (!isCheck) writeFileSync(target, text);
    else if (readFileSync(target, 'utf8') !== text) stale++;
  }
} finally {
  rmSync(made, { recursive: true, force: true });
}
if (stale > 0) {
  console.error(`${stale} generated files differ from the schema: npm run generate`);
  process.exitCode = 1;
}
