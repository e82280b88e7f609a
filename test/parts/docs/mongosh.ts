/**
 * mongosh, the shell that the documents' queries and the compose file's health check are for, from
 * npm into the cache folder; and what is typed into Mongo Express, put to the driver.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { BSON, type Collection, type Document } from 'mongodb';
import { runToEnd } from '../../../src/mongo/child-processes.ts';
import { cachedFolder } from '../cached-folder.ts';
import type { Scene } from '../scene.ts';
import { download } from '../tools.ts';

const VERSION = '2.12.0';
const LIMIT_MS = 120_000;
/** Before each answer; no document has it. */
const ANSWER = '⟦answer⟧';

/** Its program. Some 20 s the first time. */
export async function mongoshProgram(): Promise<string> {
  const folder = await cachedFolder(`mongosh-${VERSION}`, async (own) => {
    await mkdir(own);
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    await download('npm', ['install', '--prefix', own, ...quiet, `mongosh@${VERSION}`], {
      need: "The documents' queries are asked in mongosh",
      packages: 'npm',
      what: 'mongosh',
    });
  });
  return join(folder, 'node_modules/.bin/mongosh');
}

/** What each text gives in the shell, one after the other in one session: documents, or one. */
export async function mongosh(
  { mongoUrl, db }: Pick<Scene, 'mongoUrl' | 'db'>,
  ...texts: string[]
): Promise<Document[][]> {
  const url = new URL(mongoUrl);
  url.pathname = `/${db.databaseName}`;
  const script = texts.map((text, i) => {
    const all = `typeof given${i}?.toArray === 'function' ? given${i}.toArray() : [given${i}]`;
    return `const given${i} = (${text});\nprint('${ANSWER}' + EJSON.stringify(${all}));`;
  });
  const args = [url.href, '--quiet', '--norc', '--eval', script.join('\n')];
  const { code, stdout, tail } = await runToEnd(await mongoshProgram(), args, {
    timeLimitMs: LIMIT_MS,
  });
  const answers = stdout.split('\n').filter((line) => line.startsWith(ANSWER));
  if (code !== 0 || answers.length !== texts.length) throw new Error(`mongosh: ${tail}`);
  return answers.map((line) =>
    BSON.EJSON.parse(line.slice(ANSWER.length)).filter((one: Document | null) => one !== null),
  );
}

/** What Mongo Express knows besides JavaScript. */
const WORDS = {
  ISODate: (text?: string) => (text === undefined ? new Date() : new Date(text)),
};

/** A query, or a list of steps with "Aggregate query" ticked. */
export function mongoExpress(collection: Collection, text: string, projection: Document = {}) {
  const value = runInNewContext(`(${text})`, { Date, ...WORDS });
  return Array.isArray(value) || text.trim().startsWith('[')
    ? collection.aggregate([...value]).toArray()
    : collection.find(value, { projection }).toArray();
}
