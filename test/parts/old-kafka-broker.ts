/**
 * A real broker of Kafka 2.7 or 2.8 for the tests, with the ZooKeeper that it needs: two processes
 * on free ports of 127.0.0.1, their data in one temporary folder. They end with their parent.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import type { Ending } from './engine-process.ts';
import {
  answersMetadata,
  brokerError,
  COMMON_PROPERTIES,
  propertiesText,
  startJava,
} from './kafka-broker.ts';
import { kafkaClassPath } from './kafka-jars.ts';

const ZOOKEEPER_LIMIT_MS = 30_000;
const SHOWN_LOG_LINES = 30;

/** It ends with the test. Returns host:port. */
export async function startOldKafkaBroker(test: Ending, version: string): Promise<string> {
  const classPath = await kafkaClassPath(undefined, version);
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-kafka-'));
  const [port, zookeeperPort] = await Promise.all([findFreePort(), findFreePort()]);
  const zookeeperConfig = join(folder, 'zookeeper.properties');
  const config = join(folder, 'server.properties');
  await writeFile(
    zookeeperConfig,
    propertiesText({
      dataDir: join(folder, 'zookeeper'),
      clientPort: String(zookeeperPort),
      clientPortAddress: '127.0.0.1',
      'admin.enableServer': 'false',
    }),
  );
  await writeFile(
    config,
    propertiesText({
      ...COMMON_PROPERTIES,
      'broker.id': '1',
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      'zookeeper.connect': `127.0.0.1:${zookeeperPort}`,
      'log.dirs': join(folder, 'data'),
    }),
  );
  const layout = { folder, classPath, heapMb: 384 };
  const zookeeperMain = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
  const zookeeper = await startJava({ ...layout, heapMb: 128 }, zookeeperMain, zookeeperConfig);
  const servers = [zookeeper];
  test.onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await rm(folder, { recursive: true, force: true });
  });
  if (!(await zookeeper.listensOn(zookeeperPort, ZOOKEEPER_LIMIT_MS))) {
    throw brokerError('got no ZooKeeper', zookeeper.tail.text(SHOWN_LOG_LINES));
  }
  const broker = await startJava(layout, 'kafka.Kafka', config);
  servers.push(broker);
  if (await answersMetadata(broker, port)) return `127.0.0.1:${port}`;
  throw brokerError(`did not start (${broker.ending})`, broker.tail.text(SHOWN_LOG_LINES));
}
