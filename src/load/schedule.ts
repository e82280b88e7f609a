/**
 * When each sale of a load is due: a pure function of the phases, the peak rate and the duration.
 * The schedule never waits for a slow broker: what is sent late is late against it, and so every
 * delay shows. Times are milliseconds since the load's start; sales are numbered from 0.
 */
import type { Phase } from './profiles.ts';

interface Piece {
  readonly phase: Phase;
  readonly startMs: number;
  readonly endMs: number;
  /** Sales due before it, with their fraction. */
  readonly before: number;
  readonly after: number;
  /** Sales in a millisecond at its start, and what is added to that in each. */
  readonly rate: number;
  readonly slope: number;
}

export class Schedule {
  /** All sales of the load. */
  readonly total: number;
  readonly durationMs: number;
  readonly #pieces: readonly Piece[];

  /** @param peak sales a second @param countMax an end that may come before the duration's */
  constructor(phases: readonly Phase[], peak: number, durationMs: number, countMax: number) {
    const pieces: Piece[] = [];
    let before = 0;
    let startMs = 0;
    for (const phase of phases) {
      const lengthMs = phase.share * durationMs;
      const rate = (phase.from * peak) / 1000;
      const slope = lengthMs === 0 ? 0 : ((phase.to - phase.from) * peak) / 1000 / lengthMs;
      const after = before + rate * lengthMs + (slope * lengthMs * lengthMs) / 2;
      pieces.push({ phase, startMs, endMs: startMs + lengthMs, before, after, rate, slope });
      startMs += lengthMs;
      before = after;
    }
    this.#pieces = pieces;
    this.durationMs = durationMs;
    // A thousandth of a sale is the rounding of sums like 0.1 + 0.2, not a sale.
    this.total = Math.min(countMax, Math.floor(before + 0.001));
  }

  /** How many sales are due by `elapsedMs`. */
  dueBy(elapsedMs: number): number {
    if (elapsedMs >= this.durationMs) return this.total;
    const piece = this.#pieceAt(elapsedMs);
    const inside = Math.max(0, elapsedMs - piece.startMs);
    const due = piece.before + piece.rate * inside + (piece.slope * inside * inside) / 2;
    return Math.min(this.total, Math.floor(due));
  }

  /** When sale `index` is due. */
  dueMs(index: number): number {
    const wanted = index + 1;
    const piece = this.#pieces.find(({ after }) => wanted <= after) ?? this.#pieces.at(-1)!;
    const { rate, slope, startMs, endMs } = piece;
    const missing = wanted - piece.before;
    // The root of rate t + slope t²/2 = missing, in the form that bears a slope of 0.
    const root = Math.sqrt(Math.max(0, rate * rate + 2 * slope * missing));
    return Math.min(endMs, startMs + (2 * missing) / (rate + root));
  }

  /** Sales a second that the profile asks for at `elapsedMs`; 0 after its end. */
  rateAt(elapsedMs: number): number {
    if (elapsedMs >= this.durationMs) return 0;
    const piece = this.#pieceAt(elapsedMs);
    return 1000 * (piece.rate + piece.slope * Math.max(0, elapsedMs - piece.startMs));
  }

  phaseAt(elapsedMs: number): Phase {
    return this.#pieceAt(elapsedMs).phase;
  }

  /** The phase of sale `index`, and the first sale after that phase. */
  phaseOfSale(index: number): { phase: Phase; endIndex: number } {
    const piece = this.#pieces.find(({ after }) => index < Math.floor(after));
    if (piece && piece !== this.#pieces.at(-1)) {
      return { phase: piece.phase, endIndex: Math.floor(piece.after) };
    }
    return { phase: this.#pieces.at(-1)!.phase, endIndex: Number.POSITIVE_INFINITY };
  }

  #pieceAt(elapsedMs: number): Piece {
    return this.#pieces.find(({ endMs }) => elapsedMs < endMs) ?? this.#pieces.at(-1)!;
  }
}

/** How many of the first `count` sales go to partition `lane` of `lanes`, which take turns. */
export function shareOf(count: number, lane: number, lanes: number): number {
  return Math.floor((count + lanes - 1 - lane) / lanes);
}
