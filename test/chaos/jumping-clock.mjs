/**
 * Loaded into every thread of an engine before its own code (node --import): the wall clock is off
 * by as many milliseconds as the file VENDAVAL_CHAOS_CLOCK says, which may change at any time. The
 * monotonic clock and native code are not touched.
 */
import { readFileSync } from 'node:fs';

const READ_EVERY_MS = 20;
const file = process.env.VENDAVAL_CHAOS_CLOCK;
const RealDate = Date;
let readAtMs = Number.NEGATIVE_INFINITY;
let offMs = 0;

function now() {
  const elapsedMs = performance.now();
  if (elapsedMs - readAtMs >= READ_EVERY_MS) {
    readAtMs = elapsedMs;
    offMs = Number(readFileSync(file, 'utf8'));
  }
  return RealDate.now() + offMs;
}

class JumpingDate extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(now());
    else super(...parts);
  }

  static now() {
    return now();
  }
}

globalThis.Date = JumpingDate;
