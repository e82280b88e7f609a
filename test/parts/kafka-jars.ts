/** The jars of a Kafka broker, fetched once with Maven into the cache folder. */
import { join } from 'node:path';
import { cachedFolder, digestOf } from './cached-folder.ts';
import { checkJava, maven } from './tools.ts';

const POM = join(import.meta.dirname, 'pom.xml');
const NEED = 'The integration tests run a real Kafka broker';

/**
 * The class path of the broker, absolute. About 3 s the first time, 0.2 s after that.
 *
 * @param version of Kafka; that of the pom by default
 */
export async function kafkaClassPath(
  onStep?: (step: string) => void,
  version?: string,
): Promise<string> {
  await checkJava(NEED);
  const digest = await digestOf([POM]);
  const name = version === undefined ? digest : `${version}-${digest}`;
  const folder = await cachedFolder(`kafka-jars-${name}`, async (own) => {
    onStep?.('Downloading the Kafka broker with Maven (first time only)');
    const kafka = version === undefined ? [] : [`-Dkafka.version=${version}`];
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${own}`];
    await maven(['-f', POM, ...goal, ...kafka], { need: NEED, what: 'the broker' });
  });
  return join(folder, '*');
}
