/** @platformatic/kafka, consumer stream and JSON.parse. Arguments: brokers, topic, sales to read. */
import { Consumer } from '@platformatic/kafka';
import { addSale, report, type Sums } from '../parts/sums.ts';

const [brokers, topic, count] = process.argv.slice(2);
const noText = () => undefined;
const consumer = new Consumer({
  clientId: 'bench',
  groupId: `bench-${Date.now()}`,
  bootstrapBrokers: [brokers],
  autocommit: 1000,
  maxBytes: 16 << 20,
  maxBytesPerPartition: 4 << 20,
  highWaterMark: 10_000,
  deserializers: {
    key: noText,
    value: (bytes?: Buffer) => bytes!.toString(),
    headerKey: noText,
    headerValue: noText,
  },
});
const stream = await consumer.consume({ topics: [topic], mode: 'earliest' });
const sums: Sums = new Map();
let read = 0;
let firstMs = 0;

for await (const { value } of stream) {
  firstMs ||= performance.now();
  addSale(sums, value);
  if (++read === Number(count)) break;
}
report(sums, performance.now() - firstMs);
await consumer.close(true);
