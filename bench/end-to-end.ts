/**
 * The whole job beside the usual Node clients: the same topic on a real broker, one after the
 * other in one run, in rounds. The engine does all that it promises, durable and committed; the
 * peers only read, parse and sum. All must come to the same sums. Our fetch loop alone, which
 * counts nothing, shows how much of the time is the broker's and the socket's.
 */
import { preload } from './parts/preload.ts';
import {
  engineRound,
  type Figures,
  peerRound,
  type Round,
  runRounds,
  type Servers,
} from './parts/rounds.ts';

export interface EndToEndOptions {
  readonly sales: number;
  readonly rounds: number;
  readonly onStep: (step: string) => void;
}

export interface EndToEndRow extends Figures {
  readonly system: string;
  readonly hash: string;
}

const TOPIC = 'bench-sales';

export async function endToEnd(
  servers: Servers,
  { sales, rounds, onStep }: EndToEndOptions,
): Promise<EndToEndRow[]> {
  const plan = { brokers: servers.brokers, topic: TOPIC, sales };
  const { hash } = await preload({ ...plan, format: 'json', codec: 'none' }, onStep);
  const peer = (name: string) => () => peerRound(servers, plan, name);
  const systems: [name: string, run: (round: number) => Promise<Round>][] = [
    ['vendaval engine, durable and committed', (round) => engineRound(servers, plan, round)],
    ['vendaval fetch loop, nothing counted', peer('fetch-loop')],
    ['kafkajs eachBatch, sums only', peer('kafkajs')],
    ['node-rdkafka consume, sums only', peer('node-rdkafka')],
    ['@platformatic/kafka stream, sums only', peer('platformatic-kafka')],
  ];
  // The first reader would pay for the broker's start: its code not yet compiled, its files cold.
  onStep('reading the topic once, unmeasured');
  await peerRound(servers, plan, 'fetch-loop');
  const figures = await runRounds(
    systems.map(([name, run]) => ({ name, hash, run })),
    rounds,
    servers,
    onStep,
  );
  return systems.map(([system], i) => ({ system, hash, ...figures[i] }));
}
