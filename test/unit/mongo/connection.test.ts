import { expect, test } from 'vitest';
import { VendavalError } from '../../../src/lib/errors.ts';
import { connectMongo } from '../../../src/mongo/connection.ts';

async function failure(url: string): Promise<VendavalError> {
  const error = await connectMongo(url, 'd').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(VendavalError);
  return error as VendavalError;
}

test.each([
  'mongodb://user:s3cr3t',
  'mongodb://user:s3cr3t@',
  'mongodb://user:s3cr3t@[::1/',
  'mongodb://user:s3cr3t/x@localhost:1/',
  'mongodb://user:%s3cr3t@localhost:1/',
  'mongodb+srv://user:s3cr3t@localhost:1/',
  'mongodb://user:s3cr3t@localhost:1/?tls=true&tlsCAFile=/no/such/file.pem',
])('%s cannot be used, and the message does not give the password away', async (url) => {
  const error = await failure(url);
  expect(error).toMatchObject({ code: 'E_MONGO_URL', exitCode: 2 });
  expect(error.message + error.hint).not.toContain('s3cr3t');
});

test('a mongodb+srv host that DNS does not know is no bug, and may come yet', async () => {
  const error = await failure('mongodb+srv://user:s3cr3t@cluster.invalid/');
  expect(error).toMatchObject({ code: 'E_MONGO_UNREACHABLE', retryable: true });
});
