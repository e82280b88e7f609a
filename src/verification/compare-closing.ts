/** Documents that are closed, or open, against what the progress documents allow. Pure. */
import type { Differences } from './differences.ts';
import type { Notes } from './notes.ts';
import { isoText, type StoredDocument } from './stored-document.ts';
import type { StoredProgress } from './stored-progress.ts';

/** An engine closes what it may within a moment; this long it never takes. */
const LEFT_OPEN_MS = 10_000;

/** @param greatestWatermarkMs the latest that any window could be closed by; null for none */
export function compareClosing(
  stored: Iterable<StoredDocument>,
  windowMs: number,
  greatestWatermarkMs: number | null,
  differences: Differences,
): void {
  for (const { id, windowStartMs, isClosed } of stored) {
    if (!isClosed) continue;
    const endMs = windowStartMs + windowMs;
    if (greatestWatermarkMs !== null && endMs <= greatestWatermarkMs) continue;
    const expected =
      greatestWatermarkMs === null
        ? 'open: there is no watermark yet'
        : `open: no watermark has passed ${isoText(greatestWatermarkMs)}`;
    differences.add('closed too early', id, 'fechada', 'true', expected);
  }
}

/**
 * The engine closes windows right after its progress. One that is still open when the log was read
 * may be waiting for an engine that is down; with one that has gone on for long since, it was
 * forgotten.
 *
 * @param open ids of documents that the watermark had passed before, and that are open still
 */
export function judgeLeftOpen(
  open: readonly string[],
  watermarkMs: number,
  before: ReadonlyMap<number, StoredProgress>,
  after: ReadonlyMap<number, StoredProgress>,
  differences: Differences,
  notes: Notes,
): void {
  if (open.length === 0) return;
  if (latest(after) - latest(before) < LEFT_OPEN_MS) {
    notes.add(
      'left-open',
      `${open.length} documents are open, and the watermark has passed them: ` +
        'an engine closes them at its next checkpoint',
    );
    return;
  }
  const expected = `closed: the watermark has passed ${isoText(watermarkMs)}`;
  for (const id of open) differences.add('left open', id, 'fechada', 'false', expected);
}

const latest = (progress: ReadonlyMap<number, StoredProgress>) =>
  Math.max(0, ...[...progress.values()].map(({ updatedMs }) => updatedMs));
