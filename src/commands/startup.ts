/**
 * What must stand before the engine can run: the database, the pinned settings, the topic and its
 * dead-letter topic. What is not up yet is waited for, visibly and for a while; what is wrong is
 * told at once.
 */
import type { ClientSession } from 'mongodb';
import type { Settings } from '../config/options.ts';
import type { EngineEvent } from '../coordinator/engine-events.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { createTopic, DEAD_LETTER_TOPIC_CONFIG } from '../kafka/topic-admin.ts';
import { Backoff } from '../lib/backoff.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { EXIT, VendavalError } from '../lib/errors.ts';
import { connectMongo, type MongoConnection, mongoError } from '../mongo/connection.ts';
import { judgePinned, pinSettings, toPin } from '../mongo/settings-store.ts';

const WAIT_MS = 30_000;

type OnEvent = (event: EngineEvent) => void;

/** Tries until it works, the failure is not of the passing kind, or half a minute is over. */
async function waitFor<T>(
  what: string,
  attempt: () => Promise<T>,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<T> {
  const backoff = new Backoff(500, 3000);
  const deadlineMs = systemClock.monotonicMs() + WAIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isPassing = error instanceof VendavalError && error.retryable;
      const leftMs = deadlineMs - systemClock.monotonicMs();
      if (!isPassing || leftMs <= 0) throw error;
      if (signal.aborted) throw stoppedWaiting(what, error);
      const left = `${Math.ceil(leftMs / 1000)} s left`;
      onEvent({
        level: 'warn',
        code: error.code,
        message: `waiting for ${what}, ${left}: ${error.message}`,
      });
      await sleep(backoff.nextMs(), signal);
    }
  }
}

/** A stop that was asked for is no failure of what was waited for. */
function stoppedWaiting(what: string, cause: VendavalError): VendavalError {
  return new VendavalError(`stopped while waiting for ${what}: ${cause.message}`, {
    code: 'E_STOPPED',
    exitCode: EXIT.done,
    cause,
  });
}

export async function openDatabase(
  settings: Settings,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<MongoConnection> {
  const mongo = await waitFor(
    'MongoDB',
    () => connectMongo(settings.mongo, settings.database),
    signal,
    onEvent,
  );
  try {
    await pinSettings(mongo.db, toPin(settings));
    return mongo;
  } catch (error) {
    await mongo.close();
    throw mongoError(error, settings.mongo);
  }
}

/** For as long as the engine runs: a reset while it slept may have been followed by other rules. */
export function rulesJudge(settings: Settings, { db }: MongoConnection) {
  const pinned = toPin(settings);
  return (session: ClientSession) => judgePinned(db, pinned, session);
}

/** The topic must exist; its dead-letter topic is made beside it when it does not. */
export async function openTopics(
  settings: Settings,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<void> {
  const { topic, deadLetterTopic } = settings;
  const access = kafkaAccess(settings);
  const metadata = await waitFor('Kafka', () => existingTopic(access, topic), signal, onEvent);
  try {
    await existingTopic(access, deadLetterTopic);
  } catch (error) {
    if (!(error instanceof VendavalError && error.code === 'E_TOPIC_MISSING')) throw error;
    const replicas = metadata.partitions.map((partition) => partition.replicas.length);
    await createTopic(access, {
      topic: deadLetterTopic,
      partitions: metadata.partitions.length,
      replicationFactor: Math.max(1, ...replicas),
      config: DEAD_LETTER_TOPIC_CONFIG,
    });
    onEvent({ level: 'info', code: 'topic-created', message: `created "${deadLetterTopic}"` });
  }
}
