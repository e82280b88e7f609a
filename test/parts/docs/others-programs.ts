/**
 * The programs of others for the documents' commands: Kafka's own, under the names that they have
 * in its bin folder, each of them one class that is run here without the scripts around it; and
 * mongosh. `docker exec` of one of them is the same one.
 */
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kafkaClassPath } from '../kafka-jars.ts';
import { mongoshProgram } from './mongosh.ts';

const CLASSES = {
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand',
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
} as const;
const IN_CONTAINER = '/opt/kafka/bin/';
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';

/** Whether a program of a container is had here without it. */
export function isHadHere([docker, ...args]: readonly string[]): boolean {
  const [exec, , container, program = ''] = args;
  if (docker !== 'docker' || exec !== 'exec') return false;
  // Without a text to evaluate it waits for somebody to type.
  if (container === 'mongo') return program === 'mongosh' && args.includes('--eval');
  const [before, name] = [
    program.slice(0, IN_CONTAINER.length),
    program.slice(IN_CONTAINER.length),
  ];
  return container === 'kafka' && before === IN_CONTAINER && name in CLASSES;
}

/** Of docker, nothing but `exec` of these. */
const docker = (mongoPort: number) => `#!/bin/sh
[ "$1 $2" = "exec -it" ] || { echo "no Docker engine for: docker $*" >&2; exit 1; }
program=\${4#${IN_CONTAINER}}
shift 4
[ "$program" = mongosh ] && set -- --port ${mongoPort} "$@"
exec "$program" "$@"
`;

/** Writes them into a folder of the PATH. */
export async function writePrograms(folder: string, mongoUrl: string): Promise<void> {
  const write = (name: string, text: string) =>
    writeFile(join(folder, name), text, { mode: 0o755 });
  const java = ['java', '-Xmx256m', '-XX:TieredStopAtLevel=1', QUIET];
  const start = [...java, '-cp', `"${await kafkaClassPath()}"`].join(' ');
  for (const [name, main] of Object.entries(CLASSES)) {
    await write(name, `#!/bin/sh\nexec ${start} ${main} "$@"\n`);
  }
  await symlink(await mongoshProgram(), join(folder, 'mongosh'));
  await write('docker', docker(Number(new URL(mongoUrl).port)));
}
