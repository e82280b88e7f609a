/**
 * What every command needs of the terminal: text with colour for people, JSON lines for pipes,
 * and errors as `error:`, `hint:` and a code. Standard output carries results, standard error
 * everything else.
 */

import pino from 'pino';
import { OPTIONS } from '../config/options.ts';
import { maskText, OPTION_KEYS } from '../config/settings.ts';
import type { EngineEvent } from '../coordinator/engine-events.ts';
import { codeOf, messageOf, VendavalError } from '../lib/errors.ts';
import { errColour as pc } from './colour.ts';

export interface Shell {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
  /** JSON lines instead of text: asked for, or standard output is no terminal. */
  readonly json: boolean;
  /** Aborted by the first Ctrl+C or SIGTERM; the second one ends the process at once. */
  readonly signal: AbortSignal;
}

export function makeShell(json: boolean): Shell {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const out = process.stdout;
  // Whoever read the output has gone ("| head"): a reason to stop in order, not to fall over.
  out.on('error', () => stop.abort());
  process.stderr.on('error', () => {});
  return { out, err: process.stderr, json: json || !out.isTTY, signal: stop.signal };
}

/** Shows an error to a person or a script, never a raw stack of a known failure. */
export function printError(error: unknown, err: NodeJS.WriteStream, json: boolean): void {
  const isKnown = error instanceof VendavalError;
  const code = isKnown ? error.code : codeOf(error) || 'E_INTERNAL';
  const message = maskText(messageOf(error));
  const hint = isKnown ? error.hint : undefined;
  if (json) {
    err.write(`${JSON.stringify({ level: 'error', code, message, ...(hint ? { hint } : {}) })}\n`);
    return;
  }
  err.write(`${pc.red('error:')} ${message}\n`);
  if (hint) err.write(`${pc.cyan('hint:')}  ${hint}\n`);
  err.write(`${pc.dim(`code:  ${code}`)}\n`);
  if (!isKnown && error instanceof Error) err.write(`${pc.dim(maskText(error.stack ?? ''))}\n`);
}

/** Something that works, and should not be so. */
export function printWarning(message: string, err: NodeJS.WriteStream, json: boolean): void {
  const line = { level: 'warn', code: 'insecure', message };
  err.write(json ? `${JSON.stringify(line)}\n` : `${pc.yellow('warning:')} ${message}\n`);
}

const LEVEL_COLOUR = { info: pc.green, warn: pc.yellow, error: pc.red } as const;
/** The same trouble is told once in this time; a broken link repeats itself many times a second. */
const REPEAT_MS = 5000;

/** Fields that hold a secret, by every name that an option has; whatever is logged, not they. */
const SECRET_FIELDS = OPTION_KEYS.filter((key) => 'secret' in OPTIONS[key])
  .flatMap((key) => [key, OPTIONS[key].env, OPTIONS[key].flag.slice(2)])
  .concat('url', 'password');

/** JSON lines on a stream, secrets left out. */
export function jsonLogger(out: pino.DestinationStream): pino.Logger {
  const names = [...new Set(SECRET_FIELDS)];
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: names.flatMap((name) => [name, `*.${name}`]), censor: '***' },
    },
    out,
  );
}

/** Writes engine events, as pino's JSON lines or as text; repeated ones are counted. */
export function eventWriter(
  shell: Shell,
  writeText: (line: string) => void = (line) => shell.err.write(`${line}\n`),
): (event: EngineEvent) => void {
  const logger = jsonLogger(shell.out);
  const told = new Map<string, { atMs: number; repeats: number }>();
  return ({ level, code, message: given }) => {
    const message = maskText(given);
    const key = `${code} ${message}`;
    const last = told.get(key);
    const nowMs = performance.now();
    if (level !== 'info' && last && nowMs - last.atMs < REPEAT_MS) {
      last.repeats++;
      return;
    }
    if (told.size > 1000) told.clear();
    told.set(key, { atMs: nowMs, repeats: 0 });
    const repeats = last?.repeats ? ` (${last.repeats} more times)` : '';
    if (shell.json) logger[level]({ code }, `${message}${repeats}`);
    else {
      const time = new Date().toTimeString().slice(0, 8);
      writeText(`${pc.dim(time)} ${LEVEL_COLOUR[level](level.padEnd(5))} ${message}${repeats}`);
    }
  };
}
