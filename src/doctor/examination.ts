/**
 * Checks that run side by side. Each has a time limit and says one thing; one that needs what
 * another finds out waits for it, and is passed over with the reason when that is not to be had. So
 * a failure is told once, at the check that it belongs to, and hides no other.
 */
import { EXIT, type ExitCode, messageOf, VendavalError } from '../lib/errors.ts';

export type Area = 'machine' | 'kafka' | 'mongodb' | 'engine';

/** `note` is fine but worth knowing; `warn` is no failure yet. */
export type Verdict = 'ok' | 'note' | 'warn' | 'fail' | 'skip';

export interface Problem {
  readonly code: string;
  readonly cause: string;
  /** Commands to copy, in order. */
  readonly run: readonly string[];
  /** Where it is explained: a file of the repository and its heading. */
  readonly read: string;
  /** What the engine would end with. */
  readonly exitCode?: ExitCode;
}

export interface Finding {
  readonly verdict: Verdict;
  /** In one line. */
  readonly found: string;
  /** A line for each partition, member or broker. */
  readonly lines?: readonly string[];
  /** The same for programs. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly problem?: Problem;
}

/** A finding, and what other checks need of it; without a value those are passed over. */
export type Looked<T> = Finding & { readonly value?: T };

export interface Outcome<T = unknown> {
  readonly finding: Finding;
  readonly value: T | undefined;
  readonly tookMs: number;
}

export interface Check<T = unknown> {
  readonly area: Area;
  /** Stable, for programs: "kafka.topic". */
  readonly id: string;
  readonly title: string;
  readonly outcome: Promise<Outcome<T>>;
}

type Values<Needs extends readonly Check[]> = {
  [Key in keyof Needs]: Needs[Key] extends Check<infer T> ? T : never;
};

export interface CheckSpec<T, Needs extends readonly Check[]> {
  readonly id: string;
  readonly title: string;
  readonly needs?: Needs;
  readonly look: (...values: Values<Needs>) => Looked<T> | Promise<Looked<T>>;
}

export class Examination {
  readonly checks: Check[] = [];
  readonly #limitMs: number;

  /** @param limitMs of each check, from when it has what it needs */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Starts it. */
  add<T, const Needs extends readonly Check[] = []>(spec: CheckSpec<T, Needs>): Check<T> {
    const check = this.hidden(spec);
    this.checks.push(check);
    return check;
  }

  /** One that only passes on, or withholds, what others need. */
  hidden<T, const Needs extends readonly Check[] = []>(spec: CheckSpec<T, Needs>): Check<T> {
    const { id, title } = spec;
    const area = id.slice(0, id.indexOf('.')) as Area;
    return { id, title, area, outcome: this.#run(spec) };
  }

  async #run<T, Needs extends readonly Check[]>(spec: CheckSpec<T, Needs>): Promise<Outcome<T>> {
    const needs = spec.needs ?? [];
    const given = await Promise.all(needs.map(({ outcome }) => outcome));
    const missing = given.findIndex(({ value }) => value === undefined);
    if (missing >= 0) {
      const found = `not looked at: see "${needs[missing].title}"`;
      return { finding: { verdict: 'skip', found }, value: undefined, tookMs: 0 };
    }
    const startedMs = performance.now();
    const values = given.map(({ value }) => value) as Values<Needs>;
    const { value, ...finding } = await this.#within(spec.title, async () => spec.look(...values));
    return { finding, value, tookMs: Math.round(performance.now() - startedMs) };
  }

  async #within<T>(title: string, look: () => Promise<Looked<T>>): Promise<Looked<T>> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<Looked<T>>((resolve) => {
      timer = setTimeout(() => resolve(overdue(title, this.#limitMs)), this.#limitMs);
    });
    try {
      return await Promise.race([look().catch(failureOf), limit]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function overdue(title: string, limitMs: number): Finding {
  const found = `no end after ${limitMs / 1000} s`;
  return {
    verdict: 'fail',
    found,
    problem: {
      code: 'E_DOCTOR_TIMEOUT',
      cause: `"${title}" did not come to an end: something answers too slowly, or not at all.`,
      run: ['vendaval doctor --timeout 60s'],
      read: READ.doctor,
    },
  };
}

/** What a check throws that it does not know itself. */
function failureOf(error: unknown): Finding {
  if (!(error instanceof VendavalError)) {
    const cause = 'This is a bug of the doctor. Please report it.';
    const problem = { code: 'E_INTERNAL', cause, run: [], read: READ.codes };
    return { verdict: 'fail', found: messageOf(error), problem };
  }
  const { message, code, hint, exitCode } = error;
  const cause = hint ?? 'See the message.';
  return {
    verdict: 'fail',
    found: message,
    problem: { code, cause, run: [], read: READ.codes, exitCode },
  };
}

/** What the command ends with: what the engine would, if it would not run. */
export function exitCodeOf(findings: readonly Finding[]): ExitCode {
  const failed = findings.filter(({ verdict }) => verdict === 'fail');
  const codes = failed.map(({ problem }) => problem?.exitCode ?? EXIT.failed);
  return codes.reduce<ExitCode>((worst, code) => (code > worst ? code : worst), EXIT.done);
}

/** Where a problem is explained: headings of docs/OPERATIONS.md. */
export const READ = {
  codes: 'docs/OPERATIONS.md#it-goes-on-by-itself',
  doctor: 'docs/OPERATIONS.md#vendaval-doctor',
  node: 'README.md#what-it-needs',
  memory: 'docs/OPERATIONS.md#memory-and-ports',
  port: 'docs/OPERATIONS.md#memory-and-ports',
  brokers: 'docs/OPERATIONS.md#the-brokers-cannot-be-reached',
  advertised: 'docs/OPERATIONS.md#the-brokers-name-another-host',
  security: 'docs/SECURITY.md#kafka',
  topic: 'docs/OPERATIONS.md#the-topic',
  kafkaRights: 'docs/OPERATIONS.md#rights-in-kafka',
  probe: 'docs/OPERATIONS.md#the-probes',
  database: 'docs/OPERATIONS.md#the-database-cannot-be-reached',
  login: 'docs/OPERATIONS.md#user-and-password',
  topology: 'docs/OPERATIONS.md#one-server-without-replicas',
  mongoRights: 'docs/OPERATIONS.md#rights-in-mongodb',
  indexes: 'docs/OPERATIONS.md#indexes',
  guard: 'docs/OPERATIONS.md#it-stops-exit-3-the-data-loss-guard',
  clocks: 'docs/OPERATIONS.md#clocks',
} as const;
