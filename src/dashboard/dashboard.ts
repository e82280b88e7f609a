/**
 * The live page, the API, probes and metrics of one engine: reads what they need from the engine
 * and the database, and serves it. The engine does not know that it is watched.
 */
import type { ServerResponse } from 'node:http';
import type { HttpAddress } from '../config/option-readers.ts';
import type { Settings } from '../config/options.ts';
import type { CheckpointReport } from '../coordinator/checkpoint-report.ts';
import type { EngineEvent, EngineStatus } from '../coordinator/engine-events.ts';
import { systemClock } from '../lib/clock.ts';
import { type MongoConnection, mongoError, mongoHosts } from '../mongo/connection.ts';
import { ProgressReader } from '../mongo/progress-reader.ts';
import { TotalsReader } from '../mongo/totals-reader.ts';
import type { Problem } from './api.ts';
import { HttpError } from './http-failure.ts';
import {
  type Handler,
  type HttpRequest,
  type HttpServer,
  send,
  sendJson,
  startHttpServer,
} from './http-server.ts';
import { LiveFeed } from './live-feed.ts';
import { composeSnapshot, type DatabaseView, type SnapshotIdentity } from './live-snapshot.ts';
import { LiveTotals } from './live-totals.ts';
import { Metrics } from './metrics.ts';
import { readStaticFiles, type StaticFile } from './static-files.ts';
import { StreamMonitor } from './stream-monitor.ts';
import { WindowsApi } from './windows-api.ts';

const SAMPLE_MS = 1000;

export interface DashboardOptions {
  readonly settings: Settings;
  readonly mongo: MongoConnection;
  readonly owner: string;
  readonly version: string;
  readonly status: () => EngineStatus;
  readonly onTrouble: (code: string, message: string) => void;
}

export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #identity: SnapshotIdentity;
  readonly #monitor = new StreamMonitor();
  readonly #metrics: Metrics;
  readonly #totals: LiveTotals;
  readonly #progress: ProgressReader;
  readonly #windows: WindowsApi;
  readonly #feed: LiveFeed;
  #database: DatabaseView = {
    revenue: null,
    counts: [],
    readAtMs: null,
    readMs: null,
    problem: null,
  };
  #sampler: NodeJS.Timeout | undefined;
  #server: HttpServer | null = null;

  constructor(options: DashboardOptions) {
    const { settings, mongo, owner, version } = options;
    this.#options = options;
    const startedAtMs = systemClock.now();
    const hosts = mongoHosts(settings.mongo);
    this.#identity = { version, owner, startedAtMs, settings, mongoHosts: hosts };
    const reader = new TotalsReader(mongo.db, settings.collection);
    const { windowMs, timeZone } = settings;
    this.#totals = new LiveTotals(reader, windowMs);
    this.#windows = new WindowsApi({ reader, timeZone, windowMs });
    this.#progress = new ProgressReader(mongo.db, settings.topic);
    const { status } = options;
    this.#metrics = new Metrics({ settings, version, status, viewers: () => this.#feed.viewers });
    this.#feed = new LiveFeed({
      refresh: () => this.#refresh(),
      snapshot: (viewers) => this.#snapshot(viewers),
      rates: () => ({ endMs: systemClock.now(), salesPerSecond: this.#monitor.rates }),
    });
  }

  /** Listens; throws E_HTTP_ADDRESS when it can't. Returns the page's address. */
  async open(address: HttpAddress): Promise<string> {
    const { settings, onTrouble } = this.#options;
    this.#server = await startHttpServer({
      address,
      hostNames: settings.httpHosts,
      routes: this.#routes(),
      onTrouble,
    });
    this.#sampler = setInterval(
      () => this.#monitor.sample(this.#options.status(), systemClock.now()),
      SAMPLE_MS,
    );
    return this.#server.url;
  }

  onCheckpoint(report: CheckpointReport): void {
    this.#monitor.checkpoint(report);
    this.#metrics.checkpoint(report);
  }

  onEvent(event: EngineEvent): void {
    this.#monitor.event(event, systemClock.now());
    this.#metrics.event(event);
  }

  async close(): Promise<void> {
    clearInterval(this.#sampler);
    this.#feed.close();
    await this.#server?.close();
  }

  #routes(): Map<string, Handler> {
    const routes = new Map<string, Handler>([
      ['/livez', (_, response) => this.#livez(response)],
      ['/readyz', (_, response) => this.#readyz(response)],
      ['/metrics', (_, response) => this.#scrape(response)],
      ['/api/live', async (_, response) => sendJson(response, 200, await this.#feed.current())],
      ['/api/partitions', (_, response) => this.#partitions(response)],
      ['/api/windows', (request, response) => this.#range(request, response)],
      ['/api/stream', (request, response) => this.#stream(request.message.method, response)],
    ]);
    for (const [path, file] of readStaticFiles()) {
      routes.set(path, ({ message }, response) =>
        sendFile(file, message.headers['if-none-match'], response),
      );
    }
    return routes;
  }

  #livez(response: ServerResponse): void {
    sendJson(response, 200, { state: this.#options.status().state });
  }

  #readyz(response: ServerResponse): void {
    const { state, problem } = this.#options.status();
    sendJson(response, state === 'running' ? 200 : 503, { state, problem });
  }

  async #range(request: HttpRequest, response: ServerResponse): Promise<void> {
    try {
      await this.#windows.answer(request, response);
    } catch (error) {
      throw error instanceof HttpError ? error : mongoError(error, this.#options.settings.mongo);
    }
  }

  async #scrape(response: ServerResponse): Promise<void> {
    send(response, 200, this.#metrics.contentType, await this.#metrics.text());
  }

  async #partitions(response: ServerResponse): Promise<void> {
    const { nowMs, partitions, watermark } = await this.#feed.current();
    sendJson(response, 200, { nowMs, watermark, partitions });
  }

  #stream(method: string | undefined, response: ServerResponse): Promise<void> | void {
    if (this.#feed.isFull) throw TOO_MANY_VIEWERS;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    if (method === 'HEAD') return void response.end();
    return this.#feed.join(response);
  }

  #snapshot(viewers: number) {
    return composeSnapshot(
      {
        identity: this.#identity,
        status: this.#options.status(),
        monitor: this.#monitor,
        database: this.#database,
        viewers,
        memoryBytes: process.memoryUsage.rss(),
      },
      systemClock.now(),
    );
  }

  async #refresh(): Promise<void> {
    const startedMs = systemClock.monotonicMs();
    const nowMs = systemClock.now();
    try {
      const [revenue, counts] = await Promise.all([
        this.#totals.read(nowMs),
        this.#progress.readCounts(this.#options.status().partitionCount),
      ]);
      const readMs = systemClock.monotonicMs() - startedMs;
      this.#database = { revenue, counts, readAtMs: nowMs, readMs, problem: null };
    } catch (failure) {
      const { code, message, hint = null } = mongoError(failure, this.#options.settings.mongo);
      const sinceMs = this.#database.problem?.sinceMs ?? nowMs;
      const problem: Problem = { code, message, hint, sinceMs };
      this.#database = { ...this.#database, problem };
    }
  }
}

const TOO_MANY_VIEWERS = new HttpError({
  status: 503,
  code: 'E_HTTP_BUSY',
  message: 'as many viewers as this page takes are watching already',
  hint: 'Close a few, or ask /api/live instead.',
});

function sendFile(file: StaticFile, known: string | undefined, response: ServerResponse): void {
  // Asked again every time, answered in full only when it has changed: never stale after an update.
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('etag', file.etag);
  if (known === file.etag) {
    response.writeHead(304).end();
    return;
  }
  send(response, 200, file.type, file.bytes);
}
