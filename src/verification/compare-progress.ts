/** A progress document against the log's state as of its offset. Pure. */
import type { Differences } from './differences.ts';
import type { JudgedState } from './partition-judge.ts';
import { isoText } from './stored-document.ts';
import type { StoredProgress } from './stored-progress.ts';

/**
 * @param judged null where the log does not hold all that the document speaks of
 * @param end one past the log's last record
 */
export function compareProgress(
  stored: StoredProgress,
  judged: JudgedState | null,
  topic: string,
  delayMs: number,
  end: number,
  differences: Differences,
): void {
  const wrong = (field: string, found: string, expected: string) =>
    differences.add('progress', `${topic}/${stored.partition}`, field, found, expected);
  if (stored.nextOffset > end) {
    wrong('proximo_offset', String(stored.nextOffset), `at most ${end}, the end of the log`);
  }
  if (stored.maxEventMs !== null) {
    const leastMs = stored.maxEventMs - delayMs;
    if ((stored.closingWatermarkMs ?? Number.NEGATIVE_INFINITY) < leastMs) {
      wrong('marca_dagua', time(stored.closingWatermarkMs), `at least ${isoText(leastMs)}`);
    }
  }
  if (!judged) return;
  if (stored.counted !== judged.counted) {
    wrong('contadas', String(stored.counted), String(judged.counted));
  }
  if (stored.lateCounted !== judged.lateCounted) {
    wrong('atrasadas', String(stored.lateCounted), String(judged.lateCounted));
  }
  const reasons = [...new Set([...stored.rejected.keys(), ...judged.rejected.keys()])].sort();
  for (const reason of reasons) {
    const [found, expected] = [stored.rejected.get(reason) ?? 0, judged.rejected.get(reason) ?? 0];
    if (found !== expected) wrong(`rejeitadas.${reason}`, String(found), String(expected));
  }
  if (stored.maxEventMs !== judged.maxEventMs) {
    wrong('maior_evento', time(stored.maxEventMs), time(judged.maxEventMs));
  }
  const length = Math.max(stored.categories.length, judged.categories.length);
  for (let i = 0; i < length; i++) {
    const [found, expected] = [stored.categories[i], judged.categories[i]];
    if (found === expected) continue;
    // Whatever follows is shifted by it: one is enough.
    wrong(`categorias.${i}`, shown(found), shown(expected));
    break;
  }
}

const time = (ms: number | null) => (ms === null ? 'null' : isoText(ms));
const shown = (name: string | undefined) => (name === undefined ? 'none' : JSON.stringify(name));
