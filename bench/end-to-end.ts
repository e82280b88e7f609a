/**
 * The whole job beside the usual Node clients, and on demand beside Flink, Kafka Streams, Spark
 * and librdkafka: the same topic on a real broker, one after the other in one run, in rounds. The
 * engine does all that it promises, durable and committed; the Node clients only read, parse and
 * sum; the others write to the same database. All must come to the same sums, or say what they
 * dropped. Our fetch loop alone, which counts nothing, shows how much of the time is the broker's
 * and the socket's.
 */
import { type PassedOver, preparePeers } from './parts/peers.ts';
import { preload } from './parts/preload.ts';
import {
  engineRound,
  type Figures,
  peerRound,
  programRound,
  type Round,
  runRounds,
  type Servers,
} from './parts/rounds.ts';

export interface EndToEndOptions {
  readonly sales: number;
  readonly rounds: number;
  /** Those that are not Node's too. */
  readonly peers: boolean;
  readonly onStep: (step: string) => void;
}

export interface EndToEndRow extends Figures {
  readonly system: string;
  readonly hash: string;
}

export interface EndToEnd {
  readonly rows: EndToEndRow[];
  readonly passedOver: readonly PassedOver[];
}

const TOPIC = 'bench-sales';
/** After fewer, the same loop is still faster each time. */
export const WARM_UP_READS = 8;

export async function endToEnd(
  servers: Servers,
  { sales, rounds, peers, onStep }: EndToEndOptions,
): Promise<EndToEnd> {
  const others = peers ? await preparePeers(onStep) : { peers: [], passedOver: [] };
  const plan = { brokers: servers.brokers, topic: TOPIC, sales };
  const { hash } = await preload({ ...plan, format: 'json', codec: 'none' }, onStep);
  const peer = (name: string) => () => peerRound(servers, plan, name);
  const systems: [name: string, run: (round: number) => Promise<Round>][] = [
    ['vendaval engine, durable and committed', (round) => engineRound(servers, plan, round)],
    ['vendaval fetch loop, nothing counted', peer('fetch-loop')],
    ['kafkajs eachBatch, sums only', peer('kafkajs')],
    ['node-rdkafka consume, sums only', peer('node-rdkafka')],
    ['@platformatic/kafka stream, sums only', peer('platformatic-kafka')],
    ...others.peers.map((other): [string, (round: number) => Promise<Round>] => [
      other.name,
      (round) => programRound(servers, plan, other, round),
    ]),
  ];
  // The first readers would pay for the broker's start: its code not yet compiled, its files cold.
  onStep(`reading the topic ${WARM_UP_READS} times, unmeasured`);
  for (let i = 0; i < WARM_UP_READS; i++) await peerRound(servers, plan, 'fetch-loop');
  const figures = await runRounds(
    systems.map(([name, run]) => ({ name, hash, run })),
    rounds,
    servers,
    onStep,
  );
  const rows = systems.map(([system], i) => ({ system, hash, ...figures[i] }));
  return { rows, passedOver: others.passedOver };
}
