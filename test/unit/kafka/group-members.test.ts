import { afterEach, beforeEach, expect, it } from 'vitest';
import { groupMembers } from '../../../src/kafka/group-members.ts';
import { KAFKA_ERROR } from '../../../src/kafka/protocol/error-codes.ts';
import { MetadataServer } from '../../parts/metadata-server.ts';
import { plainAccess } from '../../parts/plain-access.ts';

let server: MetadataServer;

beforeEach(async () => {
  server = await MetadataServer.start();
  server.topic.hosts.set(1, { host: '127.0.0.1', port: server.port });
});

afterEach(() => server.close());

const ask = () => groupMembers(plainAccess(`127.0.0.1:${server.port}`), 'motor', 'vendas');

/** What whoever keeps the group answers, or who is asked for its place. */
const PLACES = ['coordinatorError', 'error'] as const;

it('tells who is in a group', async () => {
  server.group.members = ['um', 'outro'];
  const host = '127.0.0.1';
  expect(await ask()).toEqual([
    { clientId: 'um', host },
    { clientId: 'outro', host },
  ]);
});

it('finds nobody before the first group of a cluster', async () => {
  server.group.coordinatorError = KAFKA_ERROR.coordinatorNotAvailable;
  expect(await ask()).toEqual([]);
});

it.each(PLACES)('says which right is missing (%s)', async (place) => {
  server.group[place] = KAFKA_ERROR.groupAuthorizationFailed;
  await expect(ask()).rejects.toMatchObject({
    code: 'E_KAFKA_AUTHORIZATION',
    retryable: false,
    message: expect.stringContaining('GROUP_AUTHORIZATION_FAILED (30)'),
    hint: expect.stringContaining('Grant Describe and Read on the group motor'),
  });
});

it.each(PLACES)('speaks of no right when the group is only not ready yet (%s)', async (place) => {
  server.group[place] = KAFKA_ERROR.coordinatorLoadInProgress;
  await expect(ask()).rejects.toMatchObject({
    code: 'E_FETCH',
    retryable: true,
    message: expect.stringContaining('COORDINATOR_LOAD_IN_PROGRESS (14)'),
    hint: expect.stringContaining('try again'),
  });
});
