/** Between vitest and the runner: gathers what scenarios report, and shows them as they go. */
import { stripVTControlCharacters } from 'node:util';
import type { TestAnnotation } from 'vitest';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import type { ScenarioResult } from './report.ts';
import type { View } from './view.ts';

/** Of the stack, as far as it is ours. */
const FRAMES_MAX = 3;

export class ChaosReporter implements Reporter {
  readonly results: ScenarioResult[] = [];
  /** What went wrong outside of any scenario. */
  readonly problems: string[] = [];
  readonly #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  onTestCaseReady(testCase: TestCase): void {
    if (testCase.options.mode === 'run') this.#view.started(testCase.name);
  }

  onTestCaseAnnotate(testCase: TestCase, annotation: TestAnnotation): void {
    if (annotation.type === 'progress') this.#view.progress(testCase.name, annotation.message);
  }

  onTestCaseResult(testCase: TestCase): void {
    const { chaos } = testCase.meta();
    const { state, errors } = testCase.result();
    if (state === 'skipped') return;
    if (!chaos) {
      this.problems.push(`${testCase.name} is no scenario`);
      return;
    }
    const result: ScenarioResult = {
      ...chaos,
      passed: state === 'passed',
      ...(errors?.length ? { failure: errors.map(textOf).join('\n') } : {}),
      durationMs: Math.round(testCase.diagnostic()?.duration ?? 0),
    };
    this.results.push(result);
    this.#view.ended(result);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    for (const testModule of modules) this.problems.push(...testModule.errors().map(textOf));
    this.problems.push(...errors.map(textOf));
  }
}

function textOf(error: SerializedError): string {
  const diff = typeof error.diff === 'string' ? `\n${error.diff}` : '';
  const where = (error.stack ?? '').split('\n').filter((line) => line.includes('/test/'));
  // Where the project lies is of no interest to who reads the report.
  const text = [`${error.message}${diff}`, ...where.slice(0, FRAMES_MAX)]
    .join('\n')
    .replaceAll(`${process.cwd()}/`, '');
  return stripVTControlCharacters(text);
}
