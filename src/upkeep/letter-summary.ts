/** Letters by reason: how many, since when, and a few of them to look at. */
import type { Letter } from './letter.ts';
import type { LetterIndex } from './letter-index.ts';
import type { LetterListener } from './letter-topic.ts';

export interface ReasonSummary {
  readonly reason: string;
  /** Each counted once. */
  readonly letters: number;
  /** Of those, sent back already. */
  readonly replayed: number;
  /** When the dead-letter topic got them; null where it kept no time. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  readonly samples: readonly Letter[];
}

interface Seen {
  oldestMs: number;
  newestMs: number;
  readonly samples: Letter[];
}

export class LetterSummary implements LetterListener {
  readonly #samplesMax: number;
  /** By partition of the dead-letter topic, then by reason. */
  readonly #seen = new Map<number, Map<string, Seen>>();

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  letter(letter: Letter, { partition }: { partition: number }, timestampMs: number): void {
    let byReason = this.#seen.get(partition);
    if (!byReason) {
      byReason = new Map();
      this.#seen.set(partition, byReason);
    }
    let seen = byReason.get(letter.reason);
    if (!seen) {
      seen = { oldestMs: Number.POSITIVE_INFINITY, newestMs: -1, samples: [] };
      byReason.set(letter.reason, seen);
    }
    if (timestampMs >= 0) {
      seen.oldestMs = Math.min(seen.oldestMs, timestampMs);
      seen.newestMs = Math.max(seen.newestMs, timestampMs);
    }
    if (seen.samples.length < this.#samplesMax) seen.samples.push(letter);
  }

  reset(partition: number): void {
    this.#seen.delete(partition);
  }

  /** Most frequent reason first. */
  reasons(index: LetterIndex): ReasonSummary[] {
    const counts = new Map<string, { letters: number; replayed: number }>();
    for (const { reason, isReplayed } of index.letters()) {
      const count = counts.get(reason) ?? { letters: 0, replayed: 0 };
      counts.set(reason, count);
      count.letters++;
      if (isReplayed) count.replayed++;
    }
    return [...counts]
      .map(([reason, count]) => ({ reason, ...count, ...this.#ofReason(reason) }))
      .sort((a, b) => b.letters - a.letters || a.reason.localeCompare(b.reason));
  }

  #ofReason(reason: string): Pick<ReasonSummary, 'oldestMs' | 'newestMs' | 'samples'> {
    const seen = [...this.#seen.values()].flatMap((byReason) => byReason.get(reason) ?? []);
    const newestMs = Math.max(-1, ...seen.map((one) => one.newestMs));
    return {
      oldestMs: newestMs < 0 ? null : Math.min(...seen.map((one) => one.oldestMs)),
      newestMs: newestMs < 0 ? null : newestMs,
      samples: seen.flatMap(({ samples }) => samples).slice(0, this.#samplesMax),
    };
  }
}
