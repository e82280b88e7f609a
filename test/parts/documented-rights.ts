/** The rights in Kafka that docs/SECURITY.md gives to each command, granted on a test's own names. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Scene } from './scene.ts';
import { type Grant, grant, type SecureBroker } from './secure-broker.ts';

const PAGE = new URL('../../docs/SECURITY.md', import.meta.url);
const ROW = /^\| `([a-z ]+)` \| (.*?)(topic|group|transactional-id) `(\S+)` \| (.+) \|$/gm;

/** Grants what the documents say that these commands need, and nothing else. */
export async function allow(
  kafka: SecureBroker,
  principal: string,
  { topic, group }: Scene,
  ...commands: string[]
): Promise<void> {
  const grants = commands.flatMap((name) => rightsOf(name, topic, group));
  await grant(kafka, `User:${principal}`, grants);
}

function rightsOf(command: string, topic: string, group: string): Grant[] {
  const rows = [...readFileSync(PAGE, 'utf8').matchAll(ROW)];
  const own = rows.filter(([, name]) => name === command);
  expect(own.length, command).toBeGreaterThan(0);
  return own.flatMap(([, , before, resource, name, operations]) => {
    const renamed = name.replace('black-friday-sales', topic).replace(/^vendaval$/, group);
    const inherited = before.includes('`engine`') ? rightsOf('engine', topic, group) : [];
    const grants = operations.split(', ').map((operation) => ({
      resource: resource as Grant['resource'],
      name: renamed,
      operation: operation.toUpperCase() as Grant['operation'],
    }));
    return [...inherited, ...grants];
  });
}
