import { expect, test } from 'vitest';
import { hostPort } from '../../../src/lib/host-port.ts';

test('the colons of an address are told from the one before the port', () => {
  expect(hostPort({ host: 'kafka-1.loja', port: 9092 })).toBe('kafka-1.loja:9092');
  expect(hostPort({ host: '127.0.0.1', port: 80 })).toBe('127.0.0.1:80');
  expect(hostPort({ host: '2001:db8::7', port: 9092 })).toBe('[2001:db8::7]:9092');
});
