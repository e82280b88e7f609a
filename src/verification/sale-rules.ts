/**
 * What a record's value says, by the rules of the fields, written a second time and plainly:
 * JSON.parse and BigInt, and nothing of the engine's scanner or of its reference parser. A property
 * test holds the two against each other. Lateness, the future and the limit on categories depend
 * on the log around a record and are the partition's to judge (partition-judge.ts).
 */
import { isUtf8 } from 'node:buffer';
import { EventTimes } from './event-time.ts';
import { type FlatVerdict, judgeFlat } from './flat-sales.ts';
import { CATEGORY_BYTES_MAX, JSON_BYTES_MAX, type SaleVerdict } from './sale.ts';
import { centavosOf, valorText } from './valor.ts';

export class SaleRules {
  readonly #times: EventTimes;
  readonly #isSecond: boolean;

  /** @param version of the rules; from the second on FlatBuffers are read, and no JSON above a size */
  constructor(timeZone: string, version: number) {
    this.#times = new EventTimes(timeZone);
    this.#isSecond = version >= 2;
  }

  /**
   * @param value a record's value; null is a tombstone
   * @returns for a batch, the sales in it
   */
  judge(value: Buffer | null): FlatVerdict {
    if (value === null) return 'not_json';
    return (this.#isSecond ? judgeFlat(value) : null) ?? this.#json(value);
  }

  #json(value: Buffer): SaleVerdict {
    if (this.#isSecond && value.length > JSON_BYTES_MAX) return 'value_too_large';
    const text = value.toString('utf8');
    // Bytes that are no UTF-8 were replaced by U+FFFD, which a text may hold by itself too.
    if (text.includes('\ufffd') && !isUtf8(value)) return 'not_json';
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return 'not_json';
    }
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'wrong_type';
    return this.#fields(json as Record<string, unknown>, text);
  }

  #fields(json: Record<string, unknown>, text: string): SaleVerdict {
    if (!Object.hasOwn(json, 'id_pedido')) return 'missing_field';
    if (typeof json.id_pedido !== 'string') return 'wrong_type';
    if (!Object.hasOwn(json, 'categoria')) return 'missing_field';
    if (typeof json.categoria !== 'string') return 'wrong_type';
    if (!Object.hasOwn(json, 'valor')) return 'missing_field';
    if (typeof json.valor !== 'number') return 'wrong_type';
    if (!Object.hasOwn(json, 'timestamp')) return 'missing_field';
    if (typeof json.timestamp !== 'string') return 'wrong_type';

    const { categoria } = json;
    if (categoria.trim() === '') return 'category_empty';
    if (/\p{Surrogate}/u.test(categoria)) return 'category_malformed';
    if (Buffer.byteLength(categoria) > CATEGORY_BYTES_MAX) return 'category_too_long';

    const centavos = centavosOf(valorText(text));
    if (typeof centavos === 'string') return centavos;
    const eventMs = this.#times.of(json.timestamp);
    if (Number.isNaN(eventMs)) return 'bad_timestamp';
    return { categoria, centavos, eventMs };
  }
}
