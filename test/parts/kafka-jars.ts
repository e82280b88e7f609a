/**
 * The jars of a Kafka broker, fetched once with Maven into the cache folder. Invariant: the
 * folder has its final name only when it is complete, so processes that race need no lock: each
 * downloads into a folder of its own, the first to rename it wins and the others use that one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, VendavalError } from '../../src/lib/errors.ts';
import { type RunResult, runToEnd } from '../../src/mongo/child-processes.ts';
import { cacheFolder } from '../../src/mongo/python-environment.ts';

const JAVA_MIN = 17;
const PROBE_LIMIT_MS = 30_000;
const DOWNLOAD_LIMIT_MS = 600_000;
const POM = join(import.meta.dirname, 'pom.xml');

async function run(command: string, args: string[], limitMs: number): Promise<RunResult | null> {
  try {
    return await runToEnd(command, args, { timeLimitMs: limitMs, cwd: import.meta.dirname });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function missing(message: string, packages: string): VendavalError {
  return new VendavalError(`The integration tests run a real Kafka broker, but ${message}`, {
    code: 'E_TEST_TOOL_MISSING',
    hint: `Install ${packages} and have it on the PATH.`,
  });
}

async function checkJava(): Promise<void> {
  const packages = 'a Java runtime of version 17 or newer (Debian: openjdk-17-jre-headless)';
  const result = await run('java', ['-version'], PROBE_LIMIT_MS);
  if (result === null) throw missing('there is no java', packages);
  // `openjdk version "17.0.15"`, and "1.8.0_392" before Java 9.
  const version = /version "(?:1\.)?(\d+)/.exec(result.tail)?.[1];
  if (result.code !== 0 || version === undefined) {
    throw missing(`java -version failed: ${result.tail}`, packages);
  }
  if (Number(version) < JAVA_MIN) throw missing(`this java is version ${version}`, packages);
}

/**
 * The class path of the broker, absolute. About 3 s the first time, 0.2 s after that.
 *
 * @param version of Kafka; that of the pom by default
 */
export async function kafkaClassPath(
  onStep?: (step: string) => void,
  version?: string,
): Promise<string> {
  await checkJava();
  const digest = createHash('sha256')
    .update(await readFile(POM))
    .digest('hex')
    .slice(0, 12);
  const name = version === undefined ? digest : `${version}-${digest}`;
  const folder = join(cacheFolder(), `kafka-jars-${name}`);
  const classPath = join(folder, '*');
  if (
    await access(folder).then(
      () => true,
      () => false,
    )
  )
    return classPath;

  await mkdir(cacheFolder(), { recursive: true });
  const own = `${folder}.${randomUUID()}`;
  onStep?.(`Downloading the Kafka broker with Maven into ${folder} (first time only)`);
  const result = await run(
    'mvn',
    [
      ...['-B', '-q', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${own}`],
      ...(version === undefined ? [] : [`-Dkafka.version=${version}`]),
    ],
    DOWNLOAD_LIMIT_MS,
  );
  if (result === null) throw missing('there is no mvn', 'Apache Maven (Debian: maven)');
  if (result.code !== 0) {
    await rm(own, { recursive: true, force: true });
    throw new VendavalError(`Maven could not fetch the broker:\n${result.tail}`, {
      code: 'E_TEST_DOWNLOAD',
      hint: 'Check the network and try again.',
      retryable: true,
    });
  }
  try {
    await rename(own, folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
    await rm(own, { recursive: true, force: true });
  }
  return classPath;
}
