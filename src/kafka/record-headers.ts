/** Record headers as they stand in a batch: varint count, then varint-prefixed names and values. */

export interface RecordHeader {
  readonly name: string;
  readonly value: Buffer | null;
}

export function decodeRecordHeaders(raw: Buffer): RecordHeader[] {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = raw[position++];
      if (byte === undefined) throw new RangeError('record headers end too early');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const bytes = (): Buffer | null => {
    const length = varint();
    if (length < 0) return null;
    if (position + length > raw.length) throw new RangeError('record headers end too early');
    position += length;
    return raw.subarray(position - length, position);
  };
  if (raw.length === 0) return [];
  const headers: RecordHeader[] = [];
  for (let rest = varint(); rest > 0; rest--) {
    const name = bytes()?.toString('utf8') ?? '';
    headers.push({ name, value: bytes() });
  }
  return headers;
}
