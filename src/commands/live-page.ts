/** The engine's live page for the commands that run one: made beside it, opened once it runs. */
import { readFileSync } from 'node:fs';
import type { Settings } from '../config/options.ts';
import type { EngineEvent, EngineStatus } from '../coordinator/engine-events.ts';
import type { Dashboard } from '../dashboard/dashboard.ts';
import { VendavalError } from '../lib/errors.ts';
import type { MongoConnection } from '../mongo/connection.ts';

type OnEvent = (event: EngineEvent) => void;

export interface LivePageOptions {
  readonly settings: Settings;
  readonly mongo: MongoConnection;
  readonly owner: string;
  readonly status: () => EngineStatus;
  readonly onEvent: OnEvent;
}

/** null with --http off; nothing of it is loaded then. */
export async function makeLivePage(options: LivePageOptions): Promise<Dashboard | null> {
  if (options.settings.http === null) return null;
  const { Dashboard } = await import('../dashboard/dashboard.ts');
  const packageFile = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));
  return new Dashboard({
    ...options,
    version,
    onTrouble: (code, message) => options.onEvent({ level: 'warn', code, message }),
  });
}

/** Several engines on one machine are usual: one without its page counts all the same. */
export async function openLivePage(page: Dashboard | null, onEvent: OnEvent): Promise<void> {
  if (!page) return;
  try {
    const url = await page.open();
    onEvent({ level: 'info', code: 'live-page', message: `live page at ${url}` });
  } catch (error) {
    if (!(error instanceof VendavalError)) throw error;
    const { code, message, hint } = error;
    onEvent({ level: 'warn', code, message: `${message}. ${hint}` });
  }
}
