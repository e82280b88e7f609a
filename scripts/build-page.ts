/**
 * src/page to what a browser runs, in the `page` folder of a build: its code compiled, and beside
 * it markup, style, icon and uPlot, so that the engine serves all of it without a network.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { complain, configuration, ROOT } from './compiler.ts';

const uplot = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));
const FILES = [
  ...['index.html', 'style.css', 'icon.svg', 'api/openapi.json'].map((name) => [
    join(ROOT, 'src/page', name),
    name,
  ]),
  [join(uplot, 'dist/uPlot.esm.js'), 'vendor/uplot.js'],
  [join(uplot, 'dist/uPlot.min.css'), 'vendor/uplot.css'],
];

/** Throws with every problem as text. */
export function buildPage(outDir: string): void {
  const { fileNames, options } = configuration('tsconfig.page.json', outDir);
  const program = ts.createProgram(fileNames, options);
  complain(ts.getPreEmitDiagnostics(program));
  complain(program.emit().diagnostics);
  for (const [from, name] of FILES) {
    const to = join(outDir, 'page', name);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
}
