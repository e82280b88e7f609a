/** `vendaval verify`: the totals against the log, with a verdict for people or for scripts. */
import type { ResolvedSettings } from '../config/settings.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { EXIT, type ExitCode } from '../lib/errors.ts';
import { connectMongo, mongoError } from '../mongo/connection.ts';
import { verify } from '../verification/verify.ts';
import type { Shell } from './shell.ts';
import { VerifyView } from './verify-view.ts';

export interface VerifyCommandOptions {
  readonly from?: string;
  readonly to?: string;
  /** Differences to show. */
  readonly differences: number;
}

export async function runVerify(
  { settings, origins }: ResolvedSettings,
  options: VerifyCommandOptions,
  shell: Shell,
): Promise<ExitCode> {
  const view = new VerifyView(shell);
  const asked = (key: 'topic' | 'collection' | 'deadLetterTopic') =>
    origins[key] === 'default' ? null : settings[key];
  const mongo = await connectMongo(settings.mongo, settings.database);
  try {
    const startedMs = performance.now();
    const verdict = await verify({
      access: kafkaAccess(settings),
      mongo,
      topic: asked('topic'),
      collection: asked('collection'),
      deadLetterTopic: asked('deadLetterTopic'),
      from: options.from ?? null,
      to: options.to ?? null,
      processes: settings.threads,
      differencesKept: options.differences,
      signal: shell.signal,
      onProgress: (progress) => view.progress(progress),
    });
    view.verdict(verdict, settings.database, performance.now() - startedMs);
    return verdict.differences.total === 0 ? EXIT.done : EXIT.verifyDifference;
  } catch (error) {
    throw mongoError(error, settings.mongo);
  } finally {
    view.close();
    await mongo.close();
  }
}
