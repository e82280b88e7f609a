/**
 * One real broker and one database for all integration tests and chaos scenarios, on free ports, ended with the run.
 * What can't be had fails the run with what to install; no test is skipped for it. Tests take
 * names of their own (uniqueName) instead of cleaning up, and one that stops or freezes a server
 * starts one of its own.
 */
// Without it, the augmentation below would name a module that this file doesn't know.
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { VendavalError } from '../../src/lib/errors.ts';
import { startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import { type ProxiedListener, startKafkaBroker } from './kafka-broker.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** host:port of the shared broker. */
    kafkaBrokers: string;
    /** Its listener for one proxy at a time. */
    kafkaProxied: ProxiedListener;
    /** Of the shared database, with no user. */
    mongoUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const onStep = (step: string) => console.error(`[servers] ${step}`);
  const started = await Promise.allSettled([
    startKafkaBroker({ onStep, proxied: true }),
    startEmbeddedDatabase({ onStep }),
  ]);
  const stopAll = async () => {
    const running = started.filter((result) => result.status === 'fulfilled');
    await Promise.all(running.map((result) => result.value.stop()));
  };
  const [broker, database] = started;
  if (broker.status === 'fulfilled' && database.status === 'fulfilled') {
    project.provide('kafkaBrokers', broker.value.brokers);
    project.provide('kafkaProxied', broker.value.proxied!);
    project.provide('mongoUrl', database.value.url);
    return stopAll;
  }
  await stopAll();
  for (const result of started) {
    if (result.status === 'rejected') explain(result.reason);
  }
  throw new Error('The servers for the integration tests did not start; see above.');
}

function explain(reason: unknown): void {
  if (!(reason instanceof VendavalError)) {
    console.error(reason);
    return;
  }
  console.error(`[servers] ${reason.code}: ${reason.message}`);
  if (reason.hint !== undefined) console.error(`[servers] ${reason.hint}`);
  if (reason.cause !== undefined) console.error('[servers] because:', reason.cause);
}
