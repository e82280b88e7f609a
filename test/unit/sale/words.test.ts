import { isUtf8 } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { closingQuote, fourDigits, isPlain, word } from '../../../src/sale/words.ts';

/** Where the string closes, its content starting at 1 in the buffer. */
function close(content: string | Buffer, end?: number): number {
  const bytes = Buffer.concat([
    Buffer.from('"'),
    Buffer.from(content as string),
    Buffer.alloc(8, '"'),
  ]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return closingQuote(bytes, view, 1, end ?? bytes.length);
}

describe('closingQuote', () => {
  it('finds the quote after any number of printable characters', () => {
    for (let length = 0; length < 80; length++)
      expect(close('~ '.repeat(40).slice(0, length))).toBe(length + 1);
  });

  it('finds no quote at or after the end', () => {
    for (let length = 0; length < 9; length++) {
      expect(close('x'.repeat(length), length + 1)).toBe(-1);
      expect(close('x'.repeat(length), length + 2)).toBe(length + 1);
    }
  });

  it('takes each byte for what it is, at each place in a word', () => {
    for (let byte = 0; byte < 256; byte++) {
      for (let at = 0; at < 8; at++) {
        const content = Buffer.alloc(8, 'x');
        content[at] = byte;
        const stops = byte < 32 || byte === 92 || byte >= 128;
        expect(close(content), `${byte} at ${at}`).toBe(stops ? -1 : byte === 34 ? at + 1 : 9);
      }
    }
  });

  it('agrees with Node on every sequence of two bytes and on the edges of longer ones', () => {
    const check = (content: Buffer) => {
      const valid = isUtf8(content);
      if (close(content) > 0 !== valid) expect(close(content), content.toString('hex')).toBe(valid);
    };
    for (let first = 0x80; first < 256; first++) {
      for (let second = 0x80; second < 256; second++) {
        check(Buffer.from([first, second]));
        for (const third of [0x41, 0x7f, 0x80, 0xbf, 0xc0]) {
          check(Buffer.from([first, second, third]));
          for (const fourth of [0x41, 0x80, 0xbf, 0xc0])
            check(Buffer.from([first, second, third, fourth]));
        }
      }
    }
  });
});

describe('isPlain', () => {
  it('takes # and above but the backslash, at each place of a text of any length', () => {
    for (let length = 4; length < 14; length++) {
      for (let at = 0; at < length; at++) {
        for (let byte = 0; byte < 256; byte++) {
          const bytes = Buffer.alloc(length + 2, '"');
          bytes.fill('x', 1, length + 1);
          bytes[at + 1] = byte;
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          const plain = byte > 34 && byte < 128 && byte !== 92;
          if (isPlain(view, 1, length + 1) !== plain) expect([length, at, byte]).toBe(plain);
        }
      }
    }
  });
});

describe('fourDigits', () => {
  it('reads every number of four digits', () => {
    for (let n = 0; n < 10_000; n++) {
      if (fourDigits(word(String(n).padStart(4, '0'))) !== n) expect(n).toBe(-1);
    }
  });

  it('refuses any other byte at each place', () => {
    for (let at = 0; at < 4; at++) {
      for (let byte = 0; byte < 256; byte++) {
        if (byte >= 48 && byte <= 57) continue;
        const bytes = Buffer.from('9099');
        bytes[at] = byte;
        expect(fourDigits(bytes.readInt32LE(0))).toBe(-1);
      }
    }
  });
});
