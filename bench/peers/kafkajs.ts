/** kafkajs, eachBatch and JSON.parse. Arguments: brokers, topic, sales to read. */
import kafkajs from 'kafkajs';
import { addSale, report, type Sums } from '../parts/sums.ts';

const [brokers, topic, count] = process.argv.slice(2);
const kafka = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `bench-${Date.now()}`, maxBytesPerPartition: 4 << 20 });
const sums: Sums = new Map();
let read = 0;
let firstMs = 0;

await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
const done = new Promise<void>((resolve, reject) => {
  consumer
    .run({
      partitionsConsumedConcurrently: 3,
      eachBatch: async ({ batch }) => {
        firstMs ||= performance.now();
        for (const { value } of batch.messages) addSale(sums, value!.toString());
        read += batch.messages.length;
        if (read >= Number(count)) resolve();
      },
    })
    .catch(reject);
});
await done;
report(sums, performance.now() - firstMs);
await consumer.disconnect();
