/**
 * The simulation with the product's source as one file of JavaScript: faster to run than modules
 * transformed one by one, and the place where a protection is taken out of the source.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Replacement, ROOT, replacedTexts } from '../../scripts/build.ts';

const CACHE = join(ROOT, 'node_modules/.cache');

export interface Bundle {
  readonly file: string;
  remove(): void;
}

export async function bundle(replacements: readonly Replacement[] = []): Promise<Bundle> {
  const texts = replacedTexts(replacements);
  // Beside the packages, which stay what they are.
  const directory = mkdtempSync(`${CACHE}-simulation-`);
  const file = join(directory, 'worker.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'worker.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    plugins: [
      {
        name: 'replacements',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const contents = texts.get(path);
            return contents === undefined ? undefined : { contents, loader: 'ts' };
          }),
      },
    ],
  });
  return { file, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
