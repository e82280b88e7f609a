import { describe, expect, it } from 'vitest';
import { EVENT_TIME_MS_LIMIT } from '../../../src/sale/rules.ts';
import { BAD_TIMESTAMP, eventMsOf, isTimeZone, zoneOf } from '../../../src/sale/time.ts';

const utc = zoneOf('UTC');

/** Event time as ISO text, so that a failure reads well. */
function iso(text: string, zoneName = 'UTC'): string {
  const ms = eventMsOf(text, zoneOf(zoneName));
  return ms === BAD_TIMESTAMP ? 'bad' : new Date(ms).toISOString();
}

describe('eventMsOf', () => {
  it.each([
    ['2024-11-25T10:30:00', '2024-11-25T10:30:00.000Z'],
    ['2024-11-25 10:30:00', '2024-11-25T10:30:00.000Z'],
    ['2024-11-25t10:30', '2024-11-25T10:30:00.000Z'],
    ['2024-11-25T10:30:00Z', '2024-11-25T10:30:00.000Z'],
    ['2024-11-25T10:30:00z', '2024-11-25T10:30:00.000Z'],
    ['2024-11-25T10:30:00-03:00', '2024-11-25T13:30:00.000Z'],
    ['2024-11-25T10:30:00-0300', '2024-11-25T13:30:00.000Z'],
    ['2024-11-25T10:30-03', '2024-11-25T13:30:00.000Z'],
    ['2024-11-25T10:30:00+05:45', '2024-11-25T04:45:00.000Z'],
    ['2024-11-25T10:30:00-00:00', '2024-11-25T10:30:00.000Z'],
    ['2024-11-25T10:30:00+23:59', '2024-11-24T10:31:00.000Z'],
    ['2024-11-25T10:30:00.5', '2024-11-25T10:30:00.500Z'],
    ['2024-11-25T10:30:00.123456', '2024-11-25T10:30:00.123Z'],
    ['2024-11-25T10:30:59.999999999999999999999', '2024-11-25T10:30:59.999Z'],
    ['2024-11-25T10:30:00.0009Z', '2024-11-25T10:30:00.000Z'],
    ['2024-02-29T00:00', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00', '2000-02-29T00:00:00.000Z'],
    ['1970-01-01T00:00', '1970-01-01T00:00:00.000Z'],
    ['1969-12-31T21:00-03:00', '1970-01-01T00:00:00.000Z'],
    ['2106-02-07T06:28:15.999', '2106-02-07T06:28:15.999Z'],
    ['2106-02-07T07:28:15.999+01', '2106-02-07T06:28:15.999Z'],
  ])('reads %s', (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  it.each([
    '',
    '2024-11-25',
    '2024-11-25T10',
    '2024-11-25T10:30:',
    '2024-11-25T10:30:00.',
    '2024-11-25T10:30:00,5',
    '2024-11-25T10:30.5',
    '2024-11-25T10:30:60',
    '2024-11-25T10:60:00',
    '2024-11-25T24:00:00',
    '2024-02-30T00:00',
    '2023-02-29T00:00',
    '2100-02-29T00:00',
    '2024-04-31T00:00',
    '2024-00-10T00:00',
    '2024-13-10T00:00',
    '2024-01-00T00:00',
    '2024-1-01T00:00',
    '20241125T103000',
    '2024-11-25_10:30:00',
    ' 2024-11-25T10:30:00',
    '2024-11-25T10:30:00 ',
    '2024-11-25T10:30:00\n',
    '2024-11-25T10:30:00 Z',
    '2024-11-25T10:30:00+24:00',
    '2024-11-25T10:30:00+00:60',
    '2024-11-25T10:30:00+3',
    '2024-11-25T10:30:00+03:',
    '2024-11-25T10:30:00+03:0',
    '2024-11-25T10:30:00ZZ',
    '２０２４-11-25T10:30:00',
    '0000-01-01T00:00',
    '0099-01-01T00:00',
    '9999-12-31T23:59:59',
    '1969-12-31T23:59:59.999',
    '1970-01-01T00:00+00:01',
    '2106-02-07T06:28:16',
    '+02024-11-25T10:30:00',
  ])('refuses %j', (text) => {
    expect(eventMsOf(text, utc)).toBe(BAD_TIMESTAMP);
  });

  it('ends just before the limit', () => {
    expect(eventMsOf('2106-02-07T06:28:15.999', utc)).toBe(EVENT_TIME_MS_LIMIT - 1);
  });
});

describe('a timestamp without a zone', () => {
  it.each([
    ['America/Sao_Paulo', '2024-11-25T10:30:00', '2024-11-25T13:30:00.000Z'],
    // Sao Paulo's last summer time: 2018-11-04 00:00 jumped to 01:00, 2019-02-17 00:00 came twice.
    ['America/Sao_Paulo', '2018-11-03T23:59:59.999', '2018-11-04T02:59:59.999Z'],
    ['America/Sao_Paulo', '2018-11-04T00:00', '2018-11-04T03:00:00.000Z'],
    ['America/Sao_Paulo', '2018-11-04T00:30', '2018-11-04T03:30:00.000Z'],
    ['America/Sao_Paulo', '2018-11-04T01:00', '2018-11-04T03:00:00.000Z'],
    ['America/Sao_Paulo', '2019-02-16T23:30', '2019-02-17T01:30:00.000Z'],
    ['America/Sao_Paulo', '2019-02-17T00:00', '2019-02-17T03:00:00.000Z'],
    ['America/New_York', '2024-03-10T02:30', '2024-03-10T07:30:00.000Z'],
    ['America/New_York', '2024-11-03T01:30', '2024-11-03T05:30:00.000Z'],
    ['America/New_York', '2024-11-03T02:00', '2024-11-03T07:00:00.000Z'],
    ['Europe/Lisbon', '2024-07-01T12:00', '2024-07-01T11:00:00.000Z'],
    ['Asia/Kathmandu', '2024-07-01T12:00', '2024-07-01T06:15:00.000Z'],
    ['Australia/Lord_Howe', '2024-10-06T02:15', '2024-10-05T15:45:00.000Z'],
    // Samoa skipped 30 December 2011 altogether.
    ['Pacific/Apia', '2011-12-30T12:00', '2011-12-30T22:00:00.000Z'],
    // Monrovia was 44 min 30 s behind until 1972-01-07 00:00, which then was 00:44:30.
    ['Africa/Monrovia', '1971-05-05T00:00:15', '1971-05-05T00:44:45.000Z'],
    ['Africa/Monrovia', '1972-01-07T00:44:29', '1972-01-07T01:28:59.000Z'],
    ['Africa/Monrovia', '1972-01-07T00:44:30', '1972-01-07T00:44:30.000Z'],
    ['Asia/Tokyo', '1970-01-01T08:59:59', 'bad'],
    ['Asia/Tokyo', '1970-01-01T09:00', '1970-01-01T00:00:00.000Z'],
    ['Asia/Tokyo', '2106-02-07T15:28:16', 'bad'],
  ])('is read in %s: %s', (zone, text, expected) => {
    expect(iso(text, zone)).toBe(expected);
    expect(iso(text, zone)).toBe(expected); // again, from the cache
  });

  it('does not matter where the text names its own', () => {
    expect(iso('2024-11-25T10:30Z', 'America/Sao_Paulo')).toBe('2024-11-25T10:30:00.000Z');
    expect(iso('2024-11-25T10:30+01', 'America/Sao_Paulo')).toBe('2024-11-25T09:30:00.000Z');
  });
});

describe('isTimeZone', () => {
  it.each(['UTC', 'America/Sao_Paulo', 'Etc/GMT+3', 'Europe/Lisbon'])('knows %s', (name) => {
    expect(isTimeZone(name)).toBe(true);
  });

  it.each(['', 'Sao_Paulo', 'America/Nowhere', '+03:00', '-03'])('refuses %j', (name) => {
    expect(isTimeZone(name)).toBe(false);
    expect(() => zoneOf(name)).toThrow(RangeError);
  });
});
