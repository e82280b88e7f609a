/**
 * Whether a command of the documents is one that works: taken by the command line's own parser, or
 * a script, service, path or file that is there. A program that is not known here is a mistake of
 * the page, or needs a rule.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { ROOT } from '../../../scripts/build.ts';
import { resolve } from '../../../src/cli/flags.ts';
import { buildProgram } from '../../../src/cli/program.ts';
import { isHadHere } from './others-programs.ts';

export type Rule = (args: readonly string[]) => string | null | Promise<string | null>;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const isThere = (path: string) => (existsSync(join(ROOT, path)) ? null : `${path} is not there`);

/** What is wrong with a command; null for nothing. */
export async function problemOf([program, ...args]: readonly string[]): Promise<string | null> {
  const rule = RULES[program];
  return rule ? rule(args) : `"${program}" is no program that the documents may ask for`;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Parses it as the program does, values and all, and does nothing. */
async function vendaval(args: readonly string[]): Promise<string | null> {
  const argv = ['node', 'vendaval', ...withoutConfig(args)];
  const program = buildProgram(argv);
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (command.commands.length > 0) continue;
    command.action(() => void resolve(command));
  }
  try {
    await program.parseAsync(argv);
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code === 'commander.helpDisplayed' ? null : message;
  }
}

/** The file is the reader's. */
function withoutConfig(args: readonly string[]): string[] {
  const at = args.indexOf('--config');
  return at < 0 ? [...args] : args.filter((_, i) => i !== at && i !== at + 1);
}

function node(args: readonly string[]): string | null | Promise<string | null> {
  if (args[0] === 'dist/main.js') return vendaval(args.slice(1));
  if (args[0] === '--import' && args[1] === 'tsx') return script(args[2], args.slice(3));
  return `node runs dist/main.js here, not ${args[0]}`;
}

/** A script with `parseArgs`: each flag stands in its table. */
function script(path: string, flags: readonly string[]): string | null {
  const missing = isThere(path);
  if (missing) return missing;
  const source = read(path);
  const unknown = flags
    .filter((flag) => flag.startsWith('--'))
    .find((flag) => !new RegExp(`^\\s+'?${flag.slice(2)}'?: \\{`, 'm').test(source));
  return unknown ? `${path} has no ${unknown}` : null;
}

function npm(args: readonly string[]): string | null | Promise<string | null> {
  const words = args.filter((word) => word !== '--silent' && word !== '-s');
  if (words[0] === 'ci' || words[0] === 'rebuild') return null;
  const [name, ...rest] = words[0] === 'test' ? words : words.slice(1);
  if (words[0] !== 'run' && words[0] !== 'test') return `npm ${words[0]} is not known here`;
  const { scripts } = JSON.parse(read('package.json'));
  if (!(name in scripts)) return `package.json has no script "${name}"`;
  if (rest.length === 0) return null;
  if (rest[0] !== '--') return `flags for a script come after "--": npm run ${name} -- …`;
  const own = scripts[name].split('&& ').at(-1)!.split(' ');
  const main = own.indexOf('dist/main.js');
  if (main > 0) return vendaval([...own.slice(main + 1), ...rest.slice(1)]);
  return script(own.at(-1)!, rest.slice(1));
}

interface Service {
  readonly container_name?: string;
  readonly profiles?: readonly string[];
}

function docker(args: readonly string[]): string | null {
  return args[0] === 'exec' ? dockerExec(args.slice(1)) : dockerCompose(args);
}

function dockerCompose([compose, flag, file, ...words]: readonly string[]): string | null {
  if (compose !== 'compose' || flag !== '-f') return 'docker compose takes -f and our file';
  const missing = isThere(file);
  if (missing) return missing;
  const services: Record<string, Service> = parse(read(file), { merge: true }).services;
  const profiles = new Set(Object.values(services).flatMap((service) => service.profiles ?? []));
  while (words[0] === '--profile') {
    const [, profile] = words.splice(0, 2);
    if (!profiles.has(profile)) return `${file} has no profile "${profile}"`;
  }
  const [verb, ...rest] = words;
  if (!['up', 'down', 'logs', 'ps', 'stop', 'start', 'restart', 'build'].includes(verb)) {
    return `docker compose ${verb} is not known here`;
  }
  const unknown = rest.find((word) => !word.startsWith('-') && !(word in services));
  return unknown === undefined ? null : `${file} has no service "${unknown}"`;
}

/** The mongosh expressions in it are run by another test. */
function dockerExec(args: readonly string[]): string | null {
  const [container, program] = args.filter((word) => word !== '-it' && word !== '-i');
  const services: Service[] = Object.values(parse(read('docker/compose.yaml')).services);
  if (!services.some((service) => service.container_name === container)) {
    return `docker/compose.yaml names no container "${container}"`;
  }
  const known = /^(mongosh|mongodump|mongorestore|\/opt\/kafka\/bin\/kafka-[a-z-]+\.sh)$/;
  return known.test(program) ? null : `"${program}" is not known in the container ${container}`;
}

function kubectl(args: readonly string[]): string | null {
  const at = args.findIndex((word) => word === '-k' || word === '-f');
  if (at >= 0) return isThere(args[at + 1]);
  const manifests = ['deployment', 'service', 'namespace', 'kustomization', 'scaled-object']
    .map((name) => read(`docker/k8s/${name}.yaml`))
    .join('\n');
  const named = args.find((word) => /^(deploy|deployment|svc|service)\//.test(word));
  if (named && !new RegExp(`name: ${named.split('/')[1]}$`, 'm').test(manifests)) {
    return `docker/k8s has nothing called ${named}`;
  }
  const names = args[args.indexOf('-n') + 1];
  if (args.includes('-n') && !manifests.includes(`name: ${names}`)) {
    return `docker/k8s has no namespace ${names}`;
  }
  return null;
}

const PAGES = ['/', '/metrics', '/livez', '/readyz', '/api/openapi.json', '/api/stream'];

/** Ours alone: what the engine serves, at the default address. */
function curl(args: readonly string[]): string | null {
  const url = args.find((word) => !word.startsWith('-'));
  if (!url) return 'curl without an address';
  const { host, pathname } = new URL(url.includes('://') ? url : `http://${url}`);
  if (host !== 'localhost:4040') return `the live page is at localhost:4040, not ${host}`;
  const served = JSON.parse(read('src/page/api/openapi.json')).paths;
  return pathname in served || PAGES.includes(pathname) ? null : `nothing serves ${pathname}`;
}

const anything: Rule = () => null;

const RULES: Readonly<Record<string, Rule>> = {
  ...{ vendaval, node, npm, docker, kubectl, curl },
  // Programs that do as everybody knows; nothing in their arguments is ours.
  ...{ jq: anything, kill: anything, sleep: anything, date: anything, fg: anything },
  ...{ mongodump: anything, mongorestore: anything, openssl: anything, keytool: anything },
  ...{ 'kafka-acls.sh': anything, 'kafka-configs.sh': anything },
};

/** What the documents ask for and no test runs, and what a machine needs for it. README says so. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  docker: 'a Docker engine',
  kubectl: 'a cluster',
  mongodump: 'the MongoDB Database Tools, which are in no package registry',
  mongorestore: 'the same',
};

/** Whether a command is passed over where pages are gone through. */
export function isNotRun(command: readonly string[]): boolean {
  const [program, verb] = command;
  // .ci/run installs, and npm ci builds what rebuild would.
  if (program === 'npm') return verb === 'ci' || verb === 'rebuild';
  return program in NOT_RUN && !isHadHere(command);
}
