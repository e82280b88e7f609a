import {
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  type TopologyDescription,
} from 'mongodb';
import { describe, expect, it } from 'vitest';
import { VendavalError } from '../../../src/lib/errors.ts';
import { connectMongo, mongoError, mongoHosts } from '../../../src/mongo/connection.ts';
import { documentId } from '../../../src/mongo/totals-store.ts';

const URL = 'mongodb://root:geheim@db1:27017,db2:27018/?authSource=admin';
const serverError = (code: number) => new MongoServerError({ message: 'because', code });

/** As the driver gives it when no server could be chosen for that reason. */
function badCertificate(code: string): MongoServerSelectionError {
  const inTls = Object.assign(new Error('not this one'), { code });
  const error = new MongoNetworkError('not this one', { cause: inTls });
  return new MongoServerSelectionError('not this one', { error } as TopologyDescription);
}

describe('the hosts of a MongoDB URL', () => {
  it.each([
    [URL, 'db1:27017,db2:27018'],
    ['mongodb+srv://u:p@cluster.example/db', 'cluster.example'],
    ['mongodb://localhost', 'localhost'],
    ['mongodb://u:a@b/c?d:e@h:1/db', 'h:1'],
    ['mongodb://h?w=1', 'h'],
    ['nonsense', '?'],
  ])('of %s are %s', (url, hosts) => {
    expect(mongoHosts(url)).toBe(hosts);
  });
});

describe('a failure of MongoDB', () => {
  it.each<[string, unknown, string, boolean]>([
    ['a wrong password', serverError(18), 'E_MONGO_AUTH', false],
    ['missing rights', serverError(13), 'E_MONGO_RIGHTS', false],
    ['a server that says anything else', serverError(11600), 'E_MONGO', true],
    [
      'no server',
      new MongoServerSelectionError('none', {} as TopologyDescription),
      'E_MONGO_UNREACHABLE',
      true,
    ],
    ['a broken connection', new MongoNetworkError('reset'), 'E_MONGO_UNREACHABLE', true],
    ['a slow connection', new MongoNetworkTimeoutError('slow'), 'E_MONGO_UNREACHABLE', true],
    ['a certificate that has expired', badCertificate('CERT_HAS_EXPIRED'), 'E_MONGO_TLS', false],
    [
      'a certificate of another authority',
      badCertificate('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      'E_MONGO_TLS',
      false,
    ],
    [
      'a certificate of another host',
      badCertificate('ERR_TLS_CERT_ALTNAME_INVALID'),
      'E_MONGO_TLS',
      false,
    ],
    ['a refused connection', badCertificate('ECONNREFUSED'), 'E_MONGO_UNREACHABLE', true],
    ['a bug of ours', new TypeError('x is undefined'), 'E_INTERNAL', false],
    ['something thrown that is no error', 'text', 'E_INTERNAL', false],
  ])('by %s has a code of its own, a hint and no password', (_, cause, code, retryable) => {
    const error = mongoError(cause, URL);
    expect(error).toMatchObject({ code, retryable, cause, hint: expect.any(String) });
    expect(error.message + error.hint).not.toContain('geheim');
  });

  it('that has its code already keeps it', () => {
    const known = new VendavalError('known', { code: 'E_TOTALS_MISSING' });
    expect(mongoError(known, URL)).toBe(known);
  });

  it('to read the URL says how to write one', async () => {
    await expect(connectMongo('mongodb://', 'db')).rejects.toMatchObject({
      code: 'E_MONGO_URL',
      hint: expect.stringContaining('mongodb://user:password@host'),
    });
  });
});

it('names a document by the start of its window and its category', () => {
  expect(documentId(Date.UTC(2024, 10, 25, 10, 30), 'Eletrônicos|x')).toBe(
    '2024-11-25T10:30:00.000Z|Eletrônicos|x',
  );
});
