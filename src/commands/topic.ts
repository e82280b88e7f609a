/** `vendaval topic create|describe`: the topic and its dead-letter topic. */
import Table from 'cli-table3';
import type { Settings } from '../config/options.ts';
import { type KafkaAccess, kafkaAccess } from '../kafka/access.ts';
import { existingTopic, requireTopic, topicMetadata } from '../kafka/metadata.ts';
import type { TopicMetadata } from '../kafka/protocol/requests.ts';
import { createTopic, DEAD_LETTER_TOPIC_CONFIG } from '../kafka/topic-admin.ts';
import { sleep } from '../lib/clock.ts';
import { hostPort } from '../lib/host-port.ts';
import { outColour as pc, TABLE_STYLE } from './colour.ts';
import type { Shell } from './shell.ts';

export interface TopicCreateOptions {
  readonly partitions: number;
  readonly replicationFactor: number;
}

export async function runTopicCreate(
  settings: Settings,
  options: TopicCreateOptions,
  shell: Shell,
): Promise<void> {
  const access = kafkaAccess(settings);
  // Asked first: the admin client would try a broker that is not there for a long time.
  await topicMetadata(access, settings.topic);
  for (const topic of [settings.topic, settings.deadLetterTopic]) {
    const config = topic === settings.deadLetterTopic ? DEAD_LETTER_TOPIC_CONFIG : {};
    const result = await createTopic(access, { topic, ...options, config });
    const partitions = requireTopic(await waitForTopic(access, topic), topic).partitions.length;
    if (shell.json) shell.out.write(`${JSON.stringify({ topic, result, partitions })}\n`);
    else {
      const mark = result === 'created' ? pc.green('created') : pc.yellow('exists ');
      shell.out.write(`${mark}  ${topic}, ${partitions} partitions\n`);
    }
  }
}

/** A new topic's leaders take a moment to be known everywhere. */
async function waitForTopic(access: KafkaAccess, topic: string): Promise<TopicMetadata> {
  for (let attempt = 0; ; attempt++) {
    const metadata = await topicMetadata(access, topic);
    const isReady = metadata.error === 0 && metadata.partitions.every((p) => p.leaderId >= 0);
    if (isReady || attempt >= 50) return metadata;
    await sleep(100);
  }
}

export async function runTopicDescribe(settings: Settings, shell: Shell): Promise<void> {
  const { topic } = settings;
  const metadata = await existingTopic(kafkaAccess(settings), topic);
  const rows = metadata.partitions.map(({ partition, leaderId, replicas, inSyncReplicas }) => ({
    partition,
    leader: leaderId,
    address: address(metadata, leaderId),
    replicas,
    isr: inSyncReplicas,
  }));
  if (shell.json) {
    const { topicId } = metadata;
    shell.out.write(`${JSON.stringify({ topic, topicId, partitions: rows })}\n`);
    return;
  }
  const replicationFactor = metadata.partitions[0]?.replicas.length ?? 0;
  shell.out.write(
    `${pc.bold(topic)}  id ${metadata.topicId}  ${rows.length} partitions  ` +
      `replication factor ${replicationFactor}\n`,
  );
  const head = ['partition', 'leader', 'address', 'replicas', 'ISR'].map((h) => pc.bold(h));
  const table = new Table({ head, style: TABLE_STYLE });
  for (const row of rows) {
    const isUnderReplicated = row.isr.length < row.replicas.length;
    const isr = row.isr.join(',');
    table.push([
      row.partition,
      row.leader < 0 ? pc.red('none') : row.leader,
      row.address,
      row.replicas.join(','),
      isUnderReplicated ? pc.red(isr) : isr,
    ]);
  }
  shell.out.write(`${table.toString()}\n`);
}

function address(metadata: TopicMetadata, leaderId: number): string {
  const broker = metadata.brokers.get(leaderId);
  return broker ? hostPort(broker) : '-';
}
