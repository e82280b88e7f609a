/**
 * Kafka's own clients, which have all codecs, from the libraries of the Java world. (librdkafka is
 * built here with what the machine has, which may leave zstd out.)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { VendavalError } from '../../src/lib/errors.ts';
import type { Ending } from './engine-process.ts';
import { kafkaClassPath } from './kafka-jars.ts';
import type { RecordRead, RecordToProduce } from './topic.ts';

const PROGRAM = join(import.meta.dirname, 'JavaClient.java');

class JavaProcess {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.child = child;
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-4000);
    });
    // A pipe that closes early is told by the answer that does not come.
    child.stdin!.on('error', () => {});
  }

  /** It ends with the test. */
  static async start(test: Ending, args: readonly string[]): Promise<JavaProcess> {
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
    const classPath = await kafkaClassPath();
    const java = [quiet, '-Xmx256m', '-cp', classPath, PROGRAM, ...args];
    const child = spawn('java', java, { stdio: 'pipe' });
    await once(child, 'spawn');
    test.onTestFinished(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    return new JavaProcess(child);
  }

  failure(what: string): VendavalError {
    return new VendavalError(`the Java client ${what}: ${this.#stderr}`, {
      code: 'E_TEST_JAVA',
      hint: 'It is run from its source, which needs a JDK, such as openjdk-17-jdk-headless.',
    });
  }
}

const encode = (data: Buffer | string | null = null) =>
  data === null ? '-' : Buffer.from(data as string).toString('base64');
const decode = (text: string) => (text === '-' ? null : Buffer.from(text, 'base64'));

export class JavaProducer {
  readonly #process: JavaProcess;

  private constructor(process: JavaProcess) {
    this.#process = process;
  }

  static async start(test: Ending, brokers: string, topic: string): Promise<JavaProducer> {
    return new JavaProducer(await JavaProcess.start(test, ['produce', brokers, topic]));
  }

  /** Begins a transaction of the producer of this name, which writes with this codec. */
  begin(name: string, codec = 'none'): void {
    this.#process.child.stdin!.write(`begin\t${name}\t${codec}\n`);
  }

  /** Ends it, once it is acknowledged. */
  async finish(name: string, how: 'commit' | 'abort'): Promise<void> {
    this.#process.child.stdin!.write(`${how}\t${name}\n`);
    await this.produce('none', []);
  }

  /**
   * Produces these, and waits until all are acknowledged.
   *
   * @param codec or `in NAME` for a record of that producer's open transaction
   */
  async produce(codec: string, records: readonly RecordToProduce[]): Promise<void> {
    const lines = records.map(
      ({ partition = 0, timestamp = Date.now(), key, value, headers = [] }) =>
        [codec, partition, timestamp, ...[key, value, ...headers.flat()].map(encode)].join('\t'),
    );
    this.#process.child.stdin!.write([...lines, ''].map((line) => `${line}\n`).join(''));
    const { value: count } = await this.#process.lines.next();
    if (count !== String(records.length)) throw this.#process.failure('did not acknowledge all');
  }
}

/** As `readTopic`: all committed records to the end as it is now, sorted. */
export async function readTopicByJava(
  test: Ending,
  brokers: string,
  topic: string,
): Promise<RecordRead[]> {
  const java = await JavaProcess.start(test, ['read', brokers, topic]);
  const records: RecordRead[] = [];
  for (let next = await java.lines.next(); !next.done; next = await java.lines.next()) {
    const [partition, offset, timestamp, key, value, ...rest] = next.value.split('\t');
    const headers: [string, Buffer][] = [];
    for (let i = 0; i < rest.length; i += 2) {
      headers.push([String(decode(rest[i])), decode(rest[i + 1]) ?? Buffer.alloc(0)]);
    }
    records.push({
      partition: Number(partition),
      offset: Number(offset),
      timestamp: Number(timestamp),
      key: decode(key),
      value: decode(value),
      headers,
    });
  }
  if (java.child.exitCode === null) await once(java.child, 'exit');
  if (java.child.exitCode !== 0) throw java.failure('could not read');
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
