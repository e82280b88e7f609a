/**
 * Rejected records, or the dead letters of one partition: a few bytes for each, in columns that go
 * from process to process as they are. Entries come in any order.
 */

/** Names of reasons are few; whatever a damaged topic holds, they stay so. */
const REASONS_MAX = 1000;

export interface LetterRows {
  readonly offsets: Float64Array;
  /** As `Origin.item`. */
  readonly items: Int32Array;
  /** Into `reasonNames`. */
  readonly reasons: Uint16Array;
  readonly fingerprints: BigUint64Array;
  readonly reasonNames: readonly string[];
}

export class LetterRowsBuilder {
  #offsets = new Float64Array(64);
  #items = new Int32Array(64);
  #reasons = new Uint16Array(64);
  #fingerprints = new BigUint64Array(64);
  #count = 0;
  readonly #reasonNumbers = new Map<string, number>();

  push(offset: number, item: number, reason: string, fingerprint: bigint): void {
    if (this.#count === this.#offsets.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#items[this.#count] = item;
    this.#reasons[this.#count] = this.#numberOf(reason);
    this.#fingerprints[this.#count] = fingerprint;
    this.#count++;
  }

  rows(): LetterRows {
    return {
      offsets: this.#offsets.slice(0, this.#count),
      items: this.#items.slice(0, this.#count),
      reasons: this.#reasons.slice(0, this.#count),
      fingerprints: this.#fingerprints.slice(0, this.#count),
      reasonNames: [...this.#reasonNumbers.keys()],
    };
  }

  #numberOf(reason: string): number {
    const name = this.#reasonNumbers.size < REASONS_MAX ? reason : '(one of too many names)';
    let number = this.#reasonNumbers.get(reason) ?? this.#reasonNumbers.get(name);
    if (number === undefined) {
      number = this.#reasonNumbers.size;
      this.#reasonNumbers.set(name, number);
    }
    return number;
  }

  #grow(): void {
    const size = 2 * this.#count;
    const offsets = new Float64Array(size);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
    const items = new Int32Array(size);
    items.set(this.#items);
    this.#items = items;
    const reasons = new Uint16Array(size);
    reasons.set(this.#reasons);
    this.#reasons = reasons;
    const fingerprints = new BigUint64Array(size);
    fingerprints.set(this.#fingerprints);
    this.#fingerprints = fingerprints;
  }
}

/** The rows' numbers in order of offset and item. */
export function inOrder({ offsets, items }: LetterRows): Uint32Array {
  const order = Uint32Array.from(offsets, (_, row) => row);
  return order.sort((a, b) => offsets[a] - offsets[b] || items[a] - items[b]);
}

/** The rows of several topics' partitions as one. */
export function mergeRows(parts: readonly LetterRows[]): LetterRows {
  if (parts.length === 1) return parts[0];
  const merged = new LetterRowsBuilder();
  for (const { offsets, items, reasons, fingerprints, reasonNames } of parts) {
    for (let row = 0; row < offsets.length; row++) {
      merged.push(offsets[row], items[row], reasonNames[reasons[row]], fingerprints[row]);
    }
  }
  return merged.rows();
}
