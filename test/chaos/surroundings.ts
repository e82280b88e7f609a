/** Where a run was made: the commit, the machine, and the versions of what took part. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build.ts';
import type { Surroundings } from './report.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const packageVersion = (folder: string): string =>
  JSON.parse(read(join(folder, 'package.json'))).version.replace(/^v/, '');

/** The first thing like a version behind this text in this file. */
function pinned(path: string, behind: RegExp): string {
  const match = new RegExp(`${behind.source}\\D*([\\d.]+\\w*)`).exec(read(path));
  if (!match) throw new Error(`${path} no longer names a version behind ${behind}`);
  return match[1];
}

/** What was run: a commit and its src, and whether the files were as it has them. */
function whatWasRun(): Pick<Surroundings, 'commit' | 'source'> {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--', '.', ':!docs') !== '';
    const shortOf = (object: string) => git('rev-parse', '--short=10', object);
    const commit = `${shortOf('HEAD')}${isChanged ? ', changed' : ''}`;
    return { commit, source: shortOf('HEAD:src') };
  } catch {
    return { commit: 'unknown', source: 'unknown' };
  }
}

export function surroundings(): Surroundings {
  return {
    ...whatWasRun(),
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    versions: {
      vendaval: packageVersion('.'),
      Node: process.versions.node,
      Kafka: pinned('test/parts/pom.xml', /<kafka\.version>/),
      SecantusDB: pinned('src/mongo/python-environment.ts', /SecantusDB/i),
      'mongodb driver': packageVersion('node_modules/mongodb'),
      'node-rdkafka': packageVersion('node_modules/node-rdkafka'),
    },
  };
}
