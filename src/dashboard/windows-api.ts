/**
 * /api/windows: the collection for any range, as pages of JSON, added up in steps, or as one CSV
 * that is streamed. Few at a time, so that curiosity can't crowd out the engine's own writes.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { TotalsReader, WindowTotals } from '../mongo/totals-reader.ts';
import type { BucketsAnswer, WindowsAnswer } from './api.ts';
import { csvHead, csvLine } from './csv.ts';
import { HttpError } from './http-failure.ts';
import { type HttpRequest, sendJson } from './http-server.ts';
import { parseWindowsQuery, type WindowsQuery } from './windows-query.ts';
import { windowRow, wireCentavos } from './wire.ts';

const TOGETHER_MAX = 2;
const CSV_ROWS_MAX = 500_000;
const CSV_PAGE = 2000;
/** Rows of an answer in steps. */
const BUCKET_ROWS_MAX = 20_000;

export interface WindowsApiOptions {
  readonly reader: TotalsReader;
  readonly timeZone: string;
  readonly windowMs: number;
}

export class WindowsApi {
  readonly #options: WindowsApiOptions;
  #underWay = 0;

  constructor(options: WindowsApiOptions) {
    this.#options = options;
  }

  async answer({ query: parameters }: HttpRequest, response: ServerResponse): Promise<void> {
    if (this.#underWay >= TOGETHER_MAX) throw BUSY;
    this.#underWay++;
    try {
      const { reader, timeZone, windowMs } = this.#options;
      const lastMs = (await reader.bounds())?.lastMs ?? Date.now();
      const newestEndMs = lastMs + windowMs;
      const query = parseWindowsQuery(parameters, { timeZone, windowMs, newestEndMs });
      if (query.format === 'csv') return await this.#csv(query, response);
      if (query.stepMs !== null) return await this.#buckets(query, query.stepMs, response);
      await this.#page(query, parameters, response);
    } finally {
      this.#underWay--;
    }
  }

  async #page(
    query: WindowsQuery,
    parameters: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    // One more than asked for tells whether there is another page.
    const rows = await this.#options.reader.page(query, query.after, query.limit + 1);
    const shown = rows.slice(0, query.limit);
    const answer: WindowsAnswer = {
      ...rangeOf(query),
      windows: shown.map(windowRow),
      next: rows.length > shown.length ? nextOf(query, parameters, shown) : null,
    };
    sendJson(response, 200, answer);
  }

  async #buckets(query: WindowsQuery, stepMs: number, response: ServerResponse): Promise<void> {
    const buckets = await this.#options.reader.buckets(query, stepMs, BUCKET_ROWS_MAX + 1);
    if (buckets.length > BUCKET_ROWS_MAX) {
      throw tooMuch(`the answer would have more than ${BUCKET_ROWS_MAX} rows`, 'a longer "step"');
    }
    const answer: BucketsAnswer = {
      ...rangeOf(query),
      stepMs,
      buckets: buckets.map(({ startMs, categoria, centavos, sales, windows, open }) => ({
        inicio: new Date(startMs).toISOString(),
        fim: new Date(Math.min(startMs + stepMs, query.toMs)).toISOString(),
        categoria,
        faturamento_centavos: wireCentavos(centavos),
        volume_vendas: sales,
        janelas: windows,
        abertas: open,
      })),
    };
    sendJson(response, 200, answer);
  }

  async #csv(query: WindowsQuery, response: ServerResponse): Promise<void> {
    const { reader } = this.#options;
    if ((await reader.count(query, CSV_ROWS_MAX + 1)) > CSV_ROWS_MAX) {
      throw tooMuch(`the CSV would have more than ${CSV_ROWS_MAX} rows`, 'several shorter ranges');
    }
    const name = `vendaval-${fileTime(query.fromMs)}-${fileTime(query.toMs)}.csv`;
    response.writeHead(200, {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': `attachment; filename="${name}"`,
    });
    response.write(csvHead(query.separator));
    let after: string | null = null;
    for (;;) {
      const rows: WindowTotals[] = await reader.page(query, after, CSV_PAGE);
      if (response.destroyed) return;
      const text = rows.map((row) => csvLine(row, query.separator)).join('');
      if (!response.write(text)) await Promise.race([once(response, 'drain'), closing(response)]);
      if (rows.length < CSV_PAGE) break;
      after = rows[rows.length - 1].id;
    }
    response.end();
  }
}

function closing(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve);
  });
}

const BUSY = new HttpError({
  status: 503,
  code: 'E_HTTP_BUSY',
  message: `${TOGETHER_MAX} questions about ranges are being answered already`,
  hint: 'Ask again in a second.',
});

function tooMuch(message: string, instead: string): HttpError {
  const hint = `Choose a shorter range, one "categoria", or ${instead}.`;
  return new HttpError({ status: 400, code: 'E_HTTP_TOO_MUCH', message, hint, parameter: 'from' });
}

function rangeOf({ fromMs, toMs, categoria }: WindowsQuery) {
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    categoria: categoria ?? null,
  };
}

/** The same question from after the last row on; the range is fixed, also where it was not given. */
function nextOf(
  query: WindowsQuery,
  parameters: URLSearchParams,
  shown: readonly WindowTotals[],
): string {
  const next = new URLSearchParams(parameters);
  const { from, to } = rangeOf(query);
  next.set('from', from);
  next.set('to', to);
  next.set('after', shown[shown.length - 1].id);
  return `/api/windows?${next}`;
}

const fileTime = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace(/[-:]/g, '');
