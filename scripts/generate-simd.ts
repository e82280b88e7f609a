/**
 * `npm run generate`: makes src/sale/simd/generated.ts, which holds the WebAssembly that
 * read-sales.as compiles to. A unit test holds the two together.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const SOURCE = 'src/sale/simd/read-sales.as';
const TARGET = 'src/sale/simd/generated.ts';
const root = fileURLToPath(new URL('../', import.meta.url));

/** @returns the text of generated.ts. Throws with the compiler's words. */
export async function generated(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-asc-'));
  try {
    // The compiler takes no other ending than TypeScript's, which this is not.
    const source = join(folder, 'read-sales.ts');
    copyFileSync(join(root, SOURCE), source);
    const module = join(folder, 'read-sales.wasm');
    const options = ['--runtime', 'stub', '--noAssert', '--enable', 'simd', '--importMemory'];
    const { error, stderr } = await asc.main([
      ...[source, '-O3', ...options, '--use', 'abort=', '--outFile', module],
    ]);
    if (error) throw new Error(stderr.toString());
    const lines = readFileSync(module)
      .toString('base64')
      .match(/.{1,96}/g)!;
    return [
      `/** Made from read-sales.as by \`npm run generate\`. */`,
      'export const READ_SALES_WASM =',
      `${lines.map((line) => `  '${line}'`).join(' +\n')};`,
      '',
    ].join('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, TARGET), await generated());
}
