/**
 * `vendaval load`: wires a load to the terminal, the signals and its oracle file. The oracle is
 * written however the load ends; a failure is told after that.
 */
import { randomInt } from 'node:crypto';
import type { Settings } from '../config/options.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { EXIT, type ExitCode, VendavalError } from '../lib/errors.ts';
import type { LoadFormat } from '../load/load-protocol.ts';
import { type LoadPlan, LoadRun } from '../load/load-run.ts';
import { checkOraclePath, oracleOf, writeOracle } from '../load/oracle-file.ts';
import { type GivenShares, type ProfileName, phasesOf } from '../load/profiles.ts';
import { LoadCheck } from './load-check.ts';
import { LoadView } from './load-view.ts';
import { eventWriter, type Shell } from './shell.ts';

const SEED_LIMIT = 2 ** 31;
const TERMINAL_MS = 250;
const JSON_MS = 1000;

export interface LoadCommandOptions {
  readonly profile: ProfileName;
  readonly rate: number;
  readonly durationMs: number;
  /** 0 is as many as the profile makes. */
  readonly count: number;
  readonly seed?: number | undefined;
  readonly format: LoadFormat;
  readonly batchBytes: number;
  /** The ones that were given; the others are the profile's. */
  readonly shares: GivenShares;
  /** A path, or "off". */
  readonly oracle: string;
  /** Also watches the database, and compares it with the oracle at the end. */
  readonly check: boolean;
}

function checkShares(shares: GivenShares): void {
  const { disorder = 0, late = 0, malformed = 0, poison = 0 } = shares;
  if (disorder + late + malformed + poison <= 1) return;
  throw new VendavalError('--disorder, --late, --malformed and --poison together are more than 1', {
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
    hint: 'Each is a share of all sales: 0.01 is one of a hundred.',
  });
}

export async function runLoad(
  settings: Settings,
  options: LoadCommandOptions,
  shell: Shell,
): Promise<ExitCode> {
  const { profile, shares, oracle: oraclePath, count, seed = randomInt(SEED_LIMIT) } = options;
  checkShares(shares);
  if (oraclePath !== 'off') checkOraclePath(oraclePath);
  const plan: LoadPlan = {
    access: kafkaAccess(settings),
    topic: settings.topic,
    phases: phasesOf(profile, shares),
    rate: options.rate,
    durationMs: options.durationMs,
    countMax: count === 0 ? Number.MAX_SAFE_INTEGER : count,
    seed,
    format: options.format,
    batchBytes: options.batchBytes,
    threads: settings.threads,
    rules: {
      windowMs: settings.windowMs,
      watermarkDelayMs: settings.watermarkDelayMs,
      futureToleranceMs: settings.futureToleranceMs,
      timeZone: settings.timeZone,
      maxCategories: settings.maxCategories,
      late: settings.late,
    },
  };
  const view = new LoadView(shell, { profile, brokers: settings.brokers, ...plan });
  const onEvent = eventWriter(shell, (line) => view.above(line));
  const trouble = (code: string, message: string) => onEvent({ level: 'warn', code, message });
  const check = options.check ? await LoadCheck.open(settings, trouble) : null;
  const run = new LoadRun(plan, {
    started(partitions, threads, total) {
      view.started(partitions, threads, total);
      check?.start(partitions);
    },
    acknowledged: (batches) => check?.acknowledged(batches),
    trouble,
  });
  const show = () => {
    const event = view.show(run.status(), check?.figures() ?? null);
    if (event) onEvent(event);
  };
  const timer = setInterval(show, shell.json ? JSON_MS : TERMINAL_MS);
  try {
    const result = await run.run(shell.signal);
    clearInterval(timer);
    const oracle = oracleOf(settings.topic, plan.rules, result.outcomes, result.partitions);
    if (oraclePath !== 'off') writeOracle(oraclePath, oracle);
    view.done(result.status, oracle, oraclePath);
    if (result.failure) throw result.failure;
    if (!check) return EXIT.done;
    const found = await check.finish(oracle, shell.signal);
    view.checked(found);
    return found.differences.length === 0 ? EXIT.done : EXIT.verifyDifference;
  } finally {
    clearInterval(timer);
    view.close();
    await check?.close();
  }
}
