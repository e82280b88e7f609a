/**
 * Kafka's own programs for the documents' commands, under the names that they have in its bin
 * folder: each is one class, which is run here without the scripts around it. `docker exec kafka`
 * of one of them is the same one.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kafkaClassPath } from '../kafka-jars.ts';

const CLASSES = {
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand',
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
} as const;
const IN_CONTAINER = '/opt/kafka/bin/';
/** Of docker, nothing but this is had here. */
const DOCKER = `#!/bin/sh
[ "$1 $2 $3" = "exec -it kafka" ] || { echo "no Docker engine for: docker $*" >&2; exit 1; }
program=\${4#${IN_CONTAINER}}
shift 4
exec "$program" "$@"
`;

export const isKafkaProgram = (program: string) => program in CLASSES;

export function isKafkaInDocker([docker, ...args]: readonly string[]): boolean {
  const [exec, , container, program = ''] = args;
  const isThere = program.startsWith(IN_CONTAINER);
  const called = `${docker} ${exec} ${container}`;
  return called === 'docker exec kafka' && isThere && isKafkaProgram(program.split('/').at(-1)!);
}

/** Writes them into a folder of the PATH. */
export async function writeKafkaPrograms(folder: string): Promise<void> {
  const java = ['java', '-Xmx256m', '-XX:TieredStopAtLevel=1'];
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
  const start = [...java, quiet, '-cp', `"${await kafkaClassPath()}"`].join(' ');
  for (const [name, main] of Object.entries(CLASSES)) {
    await writeFile(join(folder, name), `#!/bin/sh\nexec ${start} ${main} "$@"\n`, { mode: 0o755 });
  }
  await writeFile(join(folder, 'docker'), DOCKER, { mode: 0o755 });
}
