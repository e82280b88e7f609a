/**
 * The form of a chaos scenario. A row of faults is a file test/chaos/scenarios/NN-name.chaos.ts
 * with one or more `scenario(…)`; the runner (run.ts) gathers what they report. A scenario fails by
 * throwing, and ends with `scene.expectExact()` wherever totals were written.
 */
import { inject, type TestContext, test } from 'vitest';
import type { Ending } from '../parts/engine-process.ts';
import { type Random, seeded } from '../parts/random.ts';
import { Scene, type SceneOptions } from '../parts/scene.ts';
import { percentile } from './percentile.ts';

/**
 * After so long a scenario hangs; each wait in it has a shorter limit of its own. A million hostile
 * inputs take 25 minutes where nothing else runs.
 */
const LIMIT_MS = 90 * 60_000;
const PROGRESS_MS = 500;

/** What the runner gives to every scenario. */
export interface ChaosSettings {
  readonly isShort: boolean;
  readonly seed: number;
  /** The build of the engine with fail points. */
  readonly engineMain: string;
}

export interface Figure {
  readonly name: string;
  readonly value: number | string;
  readonly unit: string;
}

/** What a scenario's test carries for the runner. */
export interface ScenarioMeta {
  readonly row: number;
  readonly title: string;
  readonly invariant: string;
  readonly seed: number;
  readonly figures: Figure[];
}

declare module 'vitest' {
  interface ProvidedContext {
    chaos: ChaosSettings;
  }
  interface TaskMeta {
    chaos?: ScenarioMeta;
  }
}

export interface ScenarioOptions {
  /** In the table of faults. */
  readonly row: number;
  readonly title: string;
  /** What must hold, in a few words, for the report. */
  readonly invariant: string;
}

export function scenario(options: ScenarioOptions, body: (chaos: Chaos) => Promise<void>): void {
  const { row, title } = options;
  test(`${row} ${title}`, { timeout: LIMIT_MS }, async (context) => {
    const chaos = new Chaos(context, options);
    await body(chaos);
  });
}

/** One scenario's surroundings. Can be handed to all of test/parts as what ends. */
export class Chaos implements Ending {
  readonly isShort: boolean;
  /** Of this scenario: the run's seed and its own title give it. */
  readonly seed: number;
  readonly random: Random;
  readonly engineMain: string;
  readonly #context: TestContext;
  readonly #figures: Figure[] = [];
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(context: TestContext, { row, title, invariant }: ScenarioOptions) {
    const { isShort, seed, engineMain } = inject('chaos');
    this.#context = context;
    this.isShort = isShort;
    this.engineMain = engineMain;
    this.seed = mixed(seed, `${row} ${title}`);
    this.random = seeded(this.seed);
    context.task.meta.chaos = { row, title, invariant, seed, figures: this.#figures };
  }

  onTestFinished(action: () => Promise<void> | void): void {
    this.#context.onTestFinished(action);
  }

  /** How often a fault comes: in the full run and in the short one. */
  times(full: number, short: number): number {
    return this.isShort ? short : full;
  }

  /** A topic, group and database of its own; its engines are the build with fail points. */
  scene(options: SceneOptions = {}): Promise<Scene> {
    return Scene.make(this, { engineMain: this.engineMain, ...options });
  }

  figure(name: string, value: number | string, unit = ''): void {
    const told = typeof value === 'number' ? Math.round(value * 100) / 100 : value;
    this.#figures.push({ name, value: told, unit });
  }

  /** Median, 99th percentile and greatest of a row of measurements, as three figures. */
  spread(name: string, values: readonly number[], unit: string): void {
    this.figure(`${name}, p50`, percentile(values, 0.5), unit);
    this.figure(`${name}, p99`, percentile(values, 0.99), unit);
    this.figure(`${name}, max`, Math.max(...values), unit);
  }

  /** Shown while it runs. */
  progress(done: number, total: number): void {
    const nowMs = performance.now();
    if (done < total && nowMs - this.#toldMs < PROGRESS_MS) return;
    this.#toldMs = nowMs;
    // How it reaches the runner is of no interest, and a lost one neither.
    void this.#context.annotate(`${done}/${total}`, 'progress').catch(() => {});
  }
}

/** FNV-1a over the text, from the seed: scenarios of one run do not share their choices. */
function mixed(seed: number, text: string): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (const character of text) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash;
}
