/** `vendaval engine`: wires the engine to the terminal and the signals. */
import { hostname } from 'node:os';
import type { Settings } from '../config/options.ts';
import { Engine } from '../coordinator/engine.ts';
import { kafkaAndThreads } from '../coordinator/outside.ts';
import { Laps } from '../lib/laps.ts';
import { EngineView } from './engine-view.ts';
import { LivePage } from './live-page.ts';
import { eventWriter, type Shell } from './shell.ts';
import { openDatabase, openTopics, rulesJudge } from './startup.ts';

const STATUS_MS = 1000;
/** In a pipe a status line is for logs, not for watching. */
const JSON_STATUS_MS = 10_000;

export interface EngineCommandOptions {
  readonly untilEnd: boolean;
}

export async function runEngine(
  settings: Settings,
  options: EngineCommandOptions,
  shell: Shell,
): Promise<void> {
  const view = new EngineView(shell);
  const onEvent = eventWriter(shell, (line) => view.above(line));
  const startedMs = performance.now();
  const laps = new Laps(performance.timeOrigin);
  laps.lap('program');
  const mongo = await openDatabase(settings, shell.signal, onEvent);
  laps.lap('database');
  let timer: NodeJS.Timeout | undefined;
  let page: LivePage | undefined;
  try {
    await openTopics(settings, shell.signal, onEvent);
    laps.lap('topic');
    const owner = `${hostname()}/${process.pid}`;
    page = await LivePage.make({ settings, mongo, owner, status: () => engine.status(), onEvent });
    const engine = new Engine({
      settings,
      mongo,
      judgeRules: rulesJudge(settings, mongo),
      outside: kafkaAndThreads(settings),
      laps,
      owner,
      untilEnd: options.untilEnd,
      onEvent: page.onEvent,
      onCheckpoint: page.onCheckpoint,
    });
    shell.signal.addEventListener('abort', () => engine.stop(), { once: true });
    if (shell.signal.aborted) return;
    await page.open();
    laps.lap('page');
    timer = setInterval(() => view.show(engine.status()), shell.json ? JSON_STATUS_MS : STATUS_MS);
    onEvent({
      level: 'info',
      code: 'engine-started',
      message: `${settings.topic} to ${settings.database}.${settings.collection}, as ${owner}`,
    });
    view.done(await engine.run(), performance.now() - startedMs);
  } finally {
    clearInterval(timer);
    view.close();
    await page?.close();
    await mongo.close();
  }
}
