/**
 * A developer's KAFKA_BROKERS or MONGO_URL must not decide what the tests talk to: every variable
 * that the engine reads is removed from the test run, and so from all that it starts. Where
 * downloads are kept is the developer's to say, and no test depends on it.
 */
import { OPTIONS } from '../../src/config/options.ts';

const PREFIXES = /^(KAFKA|MONGO|MONGODB|VENDAVAL)_/;
const KEPT = new Set(['VENDAVAL_CACHE']);

export function removeEngineVariables(env: NodeJS.ProcessEnv): void {
  const names = new Set(Object.values(OPTIONS).map((option) => option.env as string));
  for (const name of Object.keys(env)) {
    if (!KEPT.has(name) && (names.has(name) || PREFIXES.test(name))) delete env[name];
  }
}
