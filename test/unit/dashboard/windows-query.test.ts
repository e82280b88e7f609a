import { describe, expect, it } from 'vitest';
import { HttpError } from '../../../src/dashboard/http-failure.ts';
import { parseWindowsQuery } from '../../../src/dashboard/windows-query.ts';

const NEWEST = Date.UTC(2024, 10, 29, 12);
const DAY = 86_400_000;

const parse = (text: string, timeZone = 'UTC') =>
  parseWindowsQuery(new URLSearchParams(text), {
    timeZone,
    windowMs: 60_000,
    newestEndMs: NEWEST,
  });

function refusal(text: string): { parameter?: string; message: string; hint: string } {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof HttpError && error.failure.status === 400) return error.failure;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe('what /api/windows is asked for', () => {
  it('is the newest day of single windows, when nothing is said', () => {
    expect(parse('')).toEqual({
      ...{ fromMs: NEWEST - DAY, toMs: NEWEST, categoria: undefined, stepMs: null },
      ...{ limit: 500, after: null, format: 'json', separator: ';' },
    });
    expect(parse('from=&to=&categoria=&step=&limit=&after=&format=&sep=')).toEqual(parse(''));
  });

  it.each([
    ['2024-11-29', Date.UTC(2024, 10, 29)],
    ['2024-11-29T10:30', Date.UTC(2024, 10, 29, 10, 30)],
    ['2024-11-29T10:30:15Z', Date.UTC(2024, 10, 29, 10, 30, 15)],
    ['2024-11-29T10:30-03:00', Date.UTC(2024, 10, 29, 13, 30)],
    ['1732876200000', 1732876200000],
    ['0', 0],
  ])('understands the time %s', (text, expected) => {
    expect(parse(`from=${text}&to=2030-01-01`).fromMs).toBe(expected);
  });

  it('reads a time without a zone in the zone of the sales', () => {
    const { fromMs, toMs } = parse('from=2024-11-29&to=2024-11-29T12:00', 'America/Sao_Paulo');
    expect([fromMs, toMs]).toEqual([Date.UTC(2024, 10, 29, 3), Date.UTC(2024, 10, 29, 15)]);
  });

  it('takes steps that are multiples of the window', () => {
    expect(parse('step=5m').stepMs).toBe(300_000);
    expect(parse('from=2024-11-29&to=2024-11-30&step=60000ms&limit=1').limit).toBe(1);
  });

  it.each([
    ['form=2024-11-29', 'form', /Known: from, to/],
    ['from=2024-11-29&from=2024-11-30', 'from', /once/],
    ['from=ontem', 'from', /2024-11-29T10:30/],
    ['from=2024-02-30', 'from', /Write it as/],
    ['from=2024-11-29T10:30+03:00', 'from', /%2B/],
    ['to=99999999999999', 'to', /Write it as/],
    ['from=2024-11-30&to=2024-11-29', 'from', /from <= start < to/],
    ['step=90s', 'step', /window has 60 s/],
    ['step=5', 'step', /5m, 1h/],
    ['from=2024-01-01&to=2024-12-01&step=1m', 'step', /longer step/],
    ['limit=0', 'limit', /next/],
    ['limit=5001', 'limit', /next/],
    ['limit=1e3', 'limit', /next/],
    ['after=x', 'after', /next/],
    [`categoria=${'x'.repeat(129)}`, 'categoria', /spell/],
    ['format=xml', 'format', /json or csv/],
    ['sep=|', 'sep', /; or ,/],
    ['format=csv&step=5m', 'step', /Leave out/],
  ])('refuses %s, with the parameter and what to do', (text, parameter, hint) => {
    const failure = refusal(text);
    expect(failure.parameter).toBe(parameter);
    expect(failure.hint).toMatch(hint);
  });
});
