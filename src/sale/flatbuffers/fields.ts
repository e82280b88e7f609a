/**
 * The rules for what a FlatBuffers sale holds, once its structure is known to be whole: the same
 * as for JSON (src/sale/reference.ts), in the same order. There is no wrong type and there are no
 * decimals here. As in JSON an id_pedido must be there and may be anything.
 *
 * A category of too many bytes is refused before anything else is asked of it, where JSON asks
 * first whether it is empty: a batch may point thousands of times into one long run of bytes, and
 * reading each of them to its end would cost the square of the record's size.
 */
import { isUtf8 } from 'node:buffer';
import { type RejectedSale, rejected, shown, type ValidSale } from '../reference.ts';
import { CATEGORY_BYTES_MAX, EVENT_TIME_MS_LIMIT, VALOR_CENTAVOS_MAX } from '../rules.ts';

/** A sale's fields as they stand in the buffer; null where one is missing. */
export interface SaleFields {
  readonly idPedido: Uint8Array | null;
  readonly categoria: Uint8Array | null;
  readonly valorCentavos: bigint | null;
  readonly timestampMs: bigint | null;
}

/** Enough bytes for what a detail shows of a text. */
const SHOWN_BYTES = 256;

export function parseFields(fields: SaleFields): ValidSale | RejectedSale {
  const { idPedido, categoria, valorCentavos, timestampMs } = fields;
  if (idPedido === null) return rejected('missing_field', 'id_pedido is missing');
  if (categoria === null) return rejected('missing_field', 'categoria is missing');
  if (valorCentavos === null) return rejected('missing_field', 'valor_centavos is missing');
  if (timestampMs === null) return rejected('missing_field', 'timestamp_ms is missing');
  const bytes = Buffer.from(categoria.buffer, categoria.byteOffset, categoria.length);
  const badCategory = checkCategory(bytes);
  if (badCategory !== null) return badCategory;
  if (valorCentavos < 0n || valorCentavos > VALOR_CENTAVOS_MAX) {
    const problem = 'is negative or too large';
    return rejected('valor_out_of_range', `valor_centavos ${valorCentavos} ${problem}`);
  }
  if (timestampMs < 0n || timestampMs >= EVENT_TIME_MS_LIMIT) {
    const problem = 'is not a time between 1970 and 2106';
    return rejected('bad_timestamp', `timestamp_ms ${timestampMs} ${problem}`);
  }
  return {
    verdict: 'valid',
    categoria: bytes.toString('utf8'),
    valorCentavos: Number(valorCentavos),
    eventMs: Number(timestampMs),
  };
}

function checkCategory(bytes: Buffer): RejectedSale | null {
  const text = bytes.toString('utf8', 0, SHOWN_BYTES);
  if (bytes.length > CATEGORY_BYTES_MAX) {
    const problem = `has ${bytes.length} bytes, more than ${CATEGORY_BYTES_MAX}`;
    return rejected('category_too_long', `categoria ${shown(text)} ${problem}`);
  }
  if (text.trim() === '') return rejected('category_empty', `categoria ${shown(text)} is empty`);
  if (!isUtf8(bytes))
    return rejected('category_malformed', `categoria ${shown(text)} is not UTF-8`);
  return null;
}
