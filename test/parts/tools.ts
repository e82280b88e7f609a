/** Java, Maven and other tools that only tests and benchmarks need: asked for, or named as missing. */
import { codeOf, VendavalError } from '../../src/lib/errors.ts';
import { type RunResult, runToEnd } from '../../src/mongo/child-processes.ts';

const JAVA_MIN = 17;
const PROBE_LIMIT_MS = 30_000;
const DOWNLOAD_LIMIT_MS = 600_000;
const MAVEN = 'Apache Maven (Debian: maven)';

export interface Need {
  /** The start of a sentence: "The integration tests run a real Kafka broker". */
  readonly need: string;
  /** What to install, if it is missing. */
  readonly packages: string;
}

function missing({ need, packages }: Need, message: string): VendavalError {
  return new VendavalError(`${need}, but ${message}`, {
    code: 'E_TEST_TOOL_MISSING',
    hint: `Install ${packages} and have it on the PATH.`,
  });
}

/** Runs a tool that must be there. */
export async function runTool(
  command: string,
  args: readonly string[],
  need: Need,
  timeLimitMs = PROBE_LIMIT_MS,
): Promise<RunResult> {
  try {
    return await runToEnd(command, args, { timeLimitMs, cwd: import.meta.dirname });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw missing(need, `there is no ${command}`);
    throw error;
  }
}

export async function checkJava(need: string): Promise<void> {
  const packages = 'a Java runtime of version 17 or newer (Debian: openjdk-17-jre-headless)';
  const result = await runTool('java', ['-version'], { need, packages });
  // `openjdk version "17.0.15"`, and "1.8.0_392" before Java 9.
  const version = /version "(?:1\.)?(\d+)/.exec(result.tail)?.[1];
  if (result.code !== 0 || version === undefined) {
    throw missing({ need, packages }, `java -version failed: ${result.tail}`);
  }
  if (Number(version) < JAVA_MIN) {
    throw missing({ need, packages }, `this java is version ${version}`);
  }
}

/** Runs a tool that downloads or builds. @param what it is, for the message of its failure */
export async function download(
  command: string,
  args: readonly string[],
  { what, ...need }: Need & { readonly what: string },
): Promise<void> {
  const result = await runTool(command, args, need, DOWNLOAD_LIMIT_MS);
  if (result.code === 0) return;
  throw new VendavalError(`${command} could not fetch or build ${what}:\n${result.tail}`, {
    code: 'E_TEST_DOWNLOAD',
    hint: 'Check the network and try again.',
    retryable: true,
  });
}

export function maven(
  args: readonly string[],
  about: { readonly need: string; readonly what: string },
): Promise<void> {
  return download('mvn', ['-B', '-q', ...args], { ...about, packages: MAVEN });
}
