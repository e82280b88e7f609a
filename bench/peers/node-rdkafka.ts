/** node-rdkafka, consume(10000) and JSON.parse. Arguments: brokers, topic, sales to read. */
import rdkafka from 'node-rdkafka';
import { addSale, report, type Sums } from '../parts/sums.ts';

const [brokers, topic, count] = process.argv.slice(2);
const consumer = new rdkafka.KafkaConsumer(
  {
    'bootstrap.servers': brokers,
    'group.id': `bench-${Date.now()}`,
    'enable.auto.commit': true,
    'fetch.message.max.bytes': 4 << 20,
    'queued.min.messages': 500_000,
    'queued.max.messages.kbytes': 262_144,
  },
  { 'auto.offset.reset': 'earliest' },
);
const sums: Sums = new Map();
let read = 0;
let firstMs = 0;

await new Promise((resolve, reject) => {
  consumer.connect({}, (error) => (error ? reject(error) : resolve(undefined)));
});
consumer.subscribe([topic]);
consumer.setDefaultConsumeTimeout(50);
while (read < Number(count)) {
  const messages = await new Promise<rdkafka.Message[]>((resolve, reject) => {
    consumer.consume(10_000, (error, batch) => (error ? reject(error) : resolve(batch)));
  });
  if (messages.length > 0) firstMs ||= performance.now();
  for (const { value } of messages) addSale(sums, value!.toString());
  read += messages.length;
}
report(sums, performance.now() - firstMs);
await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
