/**
 * Three real brokers for the tests: broker 1 is also the controller, so only 2 and 3 may be ended.
 * Each is in a rack of its own (r1, r2, r3) and names a follower to clients that are in its rack.
 * On free ports of 127.0.0.1, data in one temporary folder, ended with the test.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, type ServerProcess } from '../../src/mongo/child-processes.ts';
import type { Ending } from './engine-process.ts';
import {
  answersMetadata,
  brokerError,
  COMMON_PROPERTIES,
  formatStorage,
  KRAFT_PROPERTIES,
  newClusterId,
  propertiesText,
  START_LIMIT_MS,
  startJava,
} from './kafka-broker.ts';
import { kafkaClassPath } from './kafka-jars.ts';

const IDS = [1, 2, 3] as const;
const HEAP_MB = 320;
const SHOWN_LOG_LINES = 30;

export type BrokerId = (typeof IDS)[number];

export interface KafkaCluster {
  /** Of the one that stays; clients hear of the others from it. */
  readonly brokers: string;
  end(id: 2 | 3, signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on its data; resolves when it is back in the cluster. */
  restart(id: 2 | 3): Promise<void>;
}

export async function startKafkaCluster(test: Ending): Promise<KafkaCluster> {
  const classPath = await kafkaClassPath();
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-kafka-'));
  const running = new Map<BrokerId, ServerProcess>();
  test.onTestFinished(async () => {
    await Promise.all([...running.values()].map((server) => server.end('SIGKILL')));
    await rm(folder, { recursive: true, force: true });
  });
  const [controllerPort, ...ports] = await Promise.all([0, ...IDS].map(findFreePort));
  const clusterId = newClusterId();
  const configOf = (id: BrokerId) => join(folder, `server-${id}.properties`);
  await Promise.all(
    IDS.map(async (id) => {
      await writeFile(configOf(id), properties(id, folder, ports[id - 1], controllerPort));
      await formatStorage(classPath, configOf(id), clusterId);
    }),
  );
  const launch = async (id: BrokerId) => {
    const layout = { folder, classPath, heapMb: HEAP_MB };
    running.set(id, await startJava(layout, 'kafka.Kafka', configOf(id)));
  };
  const joined = async (count: number) => {
    const controller = running.get(1)!;
    if (await answersMetadata(controller, ports[0], count)) return;
    const logs = [...running.values()].map(({ tail }) => tail.text(SHOWN_LOG_LINES)).join('\n');
    throw brokerError('cluster did not come together', logs);
  };
  await Promise.all(IDS.map(launch));
  // One that the first knows of may not listen yet, and kafkajs asks any of them.
  await Promise.all(IDS.map((id) => running.get(id)!.listensOn(ports[id - 1], START_LIMIT_MS)));
  await joined(IDS.length);
  return {
    brokers: `127.0.0.1:${ports[0]}`,
    end: async (id, signal) => {
      const server = running.get(id);
      running.delete(id);
      await server?.end(signal);
    },
    async restart(id) {
      await launch(id);
      await joined(running.size);
    },
  };
}

function properties(id: BrokerId, folder: string, port: number, controllerPort: number): string {
  const isController = id === 1;
  const listeners = [`PLAINTEXT://127.0.0.1:${port}`];
  if (isController) listeners.push(`CONTROLLER://127.0.0.1:${controllerPort}`);
  return propertiesText({
    ...COMMON_PROPERTIES,
    ...KRAFT_PROPERTIES,
    'process.roles': isController ? 'broker,controller' : 'broker',
    'node.id': String(id),
    'broker.rack': `r${id}`,
    'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: listeners.join(),
    'advertised.listeners': listeners[0],
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, `data-${id}`),
    // The group must outlive the end of any broker.
    'offsets.topic.replication.factor': '3',
    'offsets.topic.num.partitions': '1',
  });
}
