/**
 * src to JavaScript. `npm run build` makes dist, the program that users run, without a trace of
 * the fail points in src (src/lib/fail-point.ts); `--test` makes dist-test, which keeps them, for
 * the chaos suite. `buildInto` also builds the program with a text of the source replaced, which
 * shows whether a test would notice.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { buildPage } from './build-page.ts';
import { complain, configuration, ROOT } from './compiler.ts';

export { ROOT };

/** Where the compiler believes that it writes: beside src, as source maps need it. */
const EMITTED = join(ROOT, 'dist');
const FAIL_POINT_MODULE = 'lib/fail-point';
const FAIL_POINT_CALL = 'failPoint';
const TRACE = /fail-?point/i;

export interface Replacement {
  /** From the repository's root. */
  readonly file: string;
  /** Must occur exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface BuildOptions {
  readonly outDir: string;
  readonly keepFailPoints: boolean;
  /** Types are checked unless the source is changed on purpose. */
  readonly replacements?: readonly Replacement[];
}

/** The program and its page. Throws with every problem as text. */
export function buildInto(options: BuildOptions): void {
  const program = sourceProgram(options.replacements);
  if (!options.replacements?.length) complain(ts.getPreEmitDiagnostics(program));
  emitProgram(program, options);
  buildPage(options.outDir);
}

/** src, parsed but not checked. */
export function sourceProgram(replacements: readonly Replacement[] = []): ts.Program {
  const { fileNames, options } = configuration('tsconfig.build.json', EMITTED);
  const host = ts.createCompilerHost(options);
  replaceIn(host, replacements);
  return ts.createProgram(fileNames, options, host);
}

/** Can be done several times with one program. */
export function emitProgram(program: ts.Program, options: BuildOptions): void {
  const { outDir, keepFailPoints } = options;
  const write: ts.WriteFileCallback = (path, text) => {
    const name = relative(EMITTED, path);
    if (!keepFailPoints) {
      if (name.startsWith(FAIL_POINT_MODULE)) return;
      if (!name.endsWith('.map') && TRACE.test(text)) {
        throw new Error(`${name}: a fail point is left; each must be a statement of its own`);
      }
    }
    const target = join(outDir, name);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  };
  const before = keepFailPoints ? [] : [withoutFailPoints];
  complain(program.emit(undefined, write, undefined, false, { before }).diagnostics);
}

function replaceIn(host: ts.CompilerHost, replacements: readonly Replacement[]): void {
  const texts = replacedTexts(replacements);
  const readFile = host.readFile;
  host.readFile = (path) => texts.get(resolve(path)) ?? readFile(path);
}

/** The files that change, by absolute path. */
export function replacedTexts(replacements: readonly Replacement[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { file } of replacements) {
    const path = join(ROOT, file);
    const own = replacements.filter((other) => other.file === file);
    texts.set(path, replaced(readFileSync(path, 'utf8'), own));
  }
  return texts;
}

/** The text of one file with these replacements; throws unless each was there once. */
export function replaced(text: string, replacements: readonly Replacement[]): string {
  let result = text;
  for (const { file, find, replace } of replacements) {
    const parts = result.split(find);
    if (parts.length !== 2) {
      throw new Error(`${file} has this ${parts.length - 1} times, not once: ${find}`);
    }
    result = parts.join(replace);
  }
  return result;
}

/** Drops `failPoint(…);` and the import that brings it. */
const withoutFailPoints: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
  const visit = (node: ts.Node): ts.Node | undefined => {
    if (isFailPointImport(node) || isFailPointCall(node)) return undefined;
    return ts.visitEachChild(node, visit, context);
  };
  return ts.visitEachChild(file, visit, context);
};

function isFailPointImport(node: ts.Node): boolean {
  if (!ts.isImportDeclaration(node)) return false;
  return (node.moduleSpecifier as ts.StringLiteral).text.endsWith('/fail-point.ts');
}

function isFailPointCall(node: ts.Node): boolean {
  if (!ts.isExpressionStatement(node) || !ts.isCallExpression(node.expression)) return false;
  const { expression: callee } = node.expression;
  return ts.isIdentifier(callee) && callee.text === FAIL_POINT_CALL;
}

if (process.argv[1] === import.meta.filename) {
  const isTest = process.argv.includes('--test');
  const outDir = join(ROOT, isTest ? 'dist-test' : 'dist');
  try {
    buildInto({ outDir, keepFailPoints: isTest });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
