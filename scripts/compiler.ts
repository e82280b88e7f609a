/** What both builds need of the TypeScript compiler. */
import { join, resolve } from 'node:path';
import ts from 'typescript';

export const ROOT = resolve(import.meta.dirname, '..');

/** @param name of a tsconfig in the repository's root */
export function configuration(name: string, outDir: string): ts.ParsedCommandLine {
  const path = join(ROOT, name);
  const { config, error } = ts.readConfigFile(path, ts.sys.readFile);
  if (error) complain([error]);
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT, { outDir }, path);
}

export function complain(diagnostics: readonly ts.Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  throw new Error(
    ts.formatDiagnosticsWithColorAndContext(diagnostics, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => ROOT,
      getNewLine: () => '\n',
    }),
  );
}
