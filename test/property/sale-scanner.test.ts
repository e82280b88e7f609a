/** The scanner against the reference, with all sales of a sequence in one buffer. */
import { SaleScanner } from '../../src/sale/scanner.ts';
import { agreesWithTheReference, scanned } from './sale-sequences.ts';

agreesWithTheReference('the scanner', ({ sales, timeZone, gaps }, categories) => {
  const bytes = Buffer.concat(
    sales.flatMap((sale, i) => [gaps[i % gaps.length], sale]).concat(gaps[0]),
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const scanner = new SaleScanner({ timeZone }, categories);
  let start = 0;
  return sales.map((sale, i) => {
    start += gaps[i % gaps.length].length;
    const reason = scanner.scan(bytes, view, start, start + sale.length);
    start += sale.length;
    return scanned(scanner, reason);
  });
});
