/**
 * Sales as JSON, spaced as Python's json.dumps does, written straight into a record: whole words
 * from templates, digits from tables. Invariant: what is written is the sale, as `JSON.parse`
 * reads it; no string or object is made for one.
 */
import { assert } from '../lib/assert.ts';
import { REASON } from '../sale/reasons.ts';
import { parseSale } from '../sale/reference.ts';
import { word } from '../sale/words.ts';
import type { MalformedValue, SaleFields, SaleValues } from './sale-values.ts';
import { NO_ID, writeId } from './uuid-text.ts';

const ID_AT = '{"id_pedido": "'.length;
const TIMESTAMP = ', "timestamp": "';
const SECOND_SLOTS = 1024;
const SECOND_WORDS = 6;

/** Four decimal digits for each number below 10,000. */
const DIGITS = Int32Array.from({ length: 10_000 }, (_, n) => word(String(n).padStart(4, '0')));
/** Leading zeros of those. */
const ZEROS = Uint8Array.from(DIGITS, (_, n) => 4 - String(n).length);
/** ".00," to ".99,": the centavos, and the comma that stands behind them. */
const CENTS = Int32Array.from({ length: 100 }, (_, n) => word(`.${String(n).padStart(2, '0')},`));

/** Whole words, padded with spaces that the next field writes over. */
function words(text: string): Int32Array {
  const bytes = Buffer.from(text, 'utf8');
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4, ' ')]);
  return Int32Array.from({ length: padded.length / 4 }, (_, i) => padded.readInt32LE(4 * i));
}

/** What broken producers send. */
const MALFORMED = [
  `{"id_pedido": "${NO_ID}", "categoria": "Casa", "valor": 10.00, "timest`,
  `{"id_pedido": "${NO_ID}", "valor": 10.00, "timestamp": "2024-11-29T00:00:00"}`,
  `{"id_pedido": "${NO_ID}", "categoria": "Casa", "valor": "10.00", "timestamp": "2024-11-29T00:00:00"}`,
  `{"id_pedido": "${NO_ID}", "categoria": "Casa", "valor": -10.00, "timestamp": "2024-11-29T00:00:00"}`,
  `{"id_pedido": "${NO_ID}", "categoria": "Casa", "valor": 9.999, "timestamp": "2024-11-29T00:00:00"}`,
  `{"id_pedido": "${NO_ID}", "categoria": "Casa", "valor": 10.00, "timestamp": "29/11/2024 00:00"}`,
  `{"id_pedido": "${NO_ID}", "categoria": " ", "valor": 10.00, "timestamp": "2024-11-29T00:00:00"}`,
];

function malformedValue(text: string, timeZone: string): MalformedValue {
  const bytes = Buffer.from(text);
  const sale = parseSale(bytes, { timeZone });
  assert(sale.verdict === 'rejected', `not a sale: ${text}`);
  return { bytes, reason: REASON[sale.reason] };
}

export class JsonSales implements SaleValues {
  readonly salesPerValue = 1;
  readonly bytesMax: number;
  readonly malformed: readonly MalformedValue[];
  readonly #heads: readonly Int32Array[];
  readonly #headBytes: readonly number[];
  readonly #timestamp = words(TIMESTAMP);
  /** `2024-11-29T00:00:00"}`, or with a Z, by second. */
  readonly #seconds = new Int32Array(SECOND_SLOTS * SECOND_WORDS);
  readonly #secondOf = new Float64Array(SECOND_SLOTS).fill(-1);
  readonly #tail: string;
  readonly #tailBytes: number;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  /** @param timeZone in which a timestamp without a zone is read: unless it is UTC, they get a Z */
  constructor(categories: readonly string[], timeZone: string) {
    const heads = categories.map(
      (name) => `{"id_pedido": "${NO_ID}", "categoria": ${JSON.stringify(name)}, "valor": `,
    );
    this.#heads = heads.map(words);
    this.#headBytes = heads.map((head) => Buffer.byteLength(head));
    this.malformed = MALFORMED.map((text) => malformedValue(text, timeZone));
    this.#tail = timeZone === 'UTC' ? '"}' : 'Z"}';
    this.#tailBytes = 19 + this.#tail.length;
    const sizes = heads.map((head) => Buffer.byteLength(head) + 12 + TIMESTAMP.length + 28);
    this.bytesMax = Math.max(...sizes, ...this.malformed.map(({ bytes }) => bytes.length));
  }

  begin(_bytes: Buffer, view: DataView, at: number): void {
    this.#view = view;
    this.#at = at;
  }

  end(): number {
    return this.#at;
  }

  add(sale: SaleFields): void {
    const view = this.#view;
    const at = this.#at;
    const head = this.#heads[sale.category];
    let position = at;
    for (let i = 0; i < head.length; i++, position += 4) view.setInt32(position, head[i], true);
    writeId(view, at + ID_AT, sale);
    position = writeValor(view, at + this.#headBytes[sale.category], sale.valorCentavos);
    const label = this.#timestamp;
    // The comma stands already.
    position--;
    for (let i = 0; i < label.length; i++, position += 4) view.setInt32(position, label[i], true);
    const slot = this.#slotOf(sale.eventMs / 1000);
    const seconds = this.#seconds;
    for (let i = 0; i < SECOND_WORDS; i++) {
      view.setInt32(position + 4 * i, seconds[slot * SECOND_WORDS + i], true);
    }
    this.#at = position + this.#tailBytes;
  }

  #slotOf(second: number): number {
    const slot = second & (SECOND_SLOTS - 1);
    if (this.#secondOf[slot] !== second) {
      const text = `${new Date(second * 1000).toISOString().slice(0, 19)}${this.#tail}`;
      this.#seconds.set(words(text.padEnd(4 * SECOND_WORDS)), slot * SECOND_WORDS);
      this.#secondOf[slot] = second;
    }
    return slot;
  }
}

/** Reais, at most 9999, and two decimals with a comma behind them. */
function writeValor(view: DataView, at: number, centavos: number): number {
  const reais = Math.floor(centavos / 100);
  const zeros = ZEROS[reais];
  view.setInt32(at, DIGITS[reais] >>> (8 * zeros), true);
  view.setInt32(at + 4 - zeros, CENTS[centavos - 100 * reais], true);
  return at + 8 - zeros;
}
