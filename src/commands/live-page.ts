/** The engine's live page for the commands that run one: made before it, opened when it runs. */
import { readFileSync } from 'node:fs';
import type { HttpAddress } from '../config/option-readers.ts';
import type { Settings } from '../config/options.ts';
import type { CheckpointReport } from '../coordinator/checkpoint-report.ts';
import type { EngineEvent, EngineStatus } from '../coordinator/engine-events.ts';
import type { Dashboard } from '../dashboard/dashboard.ts';
import { VendavalError } from '../lib/errors.ts';
import type { MongoConnection } from '../mongo/connection.ts';

export interface LivePageOptions {
  readonly settings: Settings;
  readonly mongo: MongoConnection;
  readonly owner: string;
  readonly status: () => EngineStatus;
  readonly onEvent: (event: EngineEvent) => void;
}

export class LivePage {
  readonly #options: LivePageOptions;
  /** null with --http off; nothing of it is loaded then. */
  readonly #dashboard: Dashboard | null;

  private constructor(options: LivePageOptions, dashboard: Dashboard | null) {
    this.#options = options;
    this.#dashboard = dashboard;
  }

  static async make(options: LivePageOptions): Promise<LivePage> {
    if (options.settings.http === null) return new LivePage(options, null);
    const { Dashboard } = await import('../dashboard/dashboard.ts');
    const packageFile = new URL('../../package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));
    const dashboard = new Dashboard({
      ...options,
      version,
      onTrouble: (code, message) => page.onEvent({ level: 'warn', code, message }),
    });
    const page = new LivePage(options, dashboard);
    return page;
  }

  /** What the engine tells goes through here: to the caller, and onto the page. */
  readonly onEvent = (event: EngineEvent): void => {
    this.#options.onEvent(event);
    this.#dashboard?.onEvent(event);
  };

  readonly onCheckpoint = (report: CheckpointReport): void => {
    this.#dashboard?.onCheckpoint(report);
  };

  /**
   * Several engines on one machine are usual: one whose address is taken counts all the same.
   *
   * @param instead where to listen when the address is taken
   * @returns the page's address; null without one
   */
  async open(instead?: HttpAddress): Promise<string | null> {
    const { http } = this.#options.settings;
    if (!this.#dashboard || !http) return null;
    for (const address of instead ? [http, instead] : [http]) {
      try {
        const url = await this.#dashboard.open(address);
        this.onEvent({ level: 'info', code: 'live-page', message: `live page at ${url}` });
        return url;
      } catch (error) {
        if (!(error instanceof VendavalError)) throw error;
        if (address !== instead && instead) continue;
        const { code, message, hint } = error;
        this.onEvent({ level: 'warn', code, message: `${message}. ${hint}` });
      }
    }
    return null;
  }

  async close(): Promise<void> {
    await this.#dashboard?.close();
  }
}
