import { describe, expect, it } from 'vitest';
import { AVOID_MS, REPLICA_TERM_MS, ReplicaChoice } from '../../../src/workers/replica-choice.ts';

const leader = { host: 'leader', port: 1, epoch: 5, inSync: [1, 2] };
const place = { host: 'nearby', port: 2 };

describe('ReplicaChoice', () => {
  it('reads from the leader and names its rack, and from a replica that the leader names', () => {
    const choice = new ReplicaChoice('sa-1');
    expect(choice.target(leader)).toMatchObject({ host: 'leader', rack: 'sa-1' });
    choice.located(2, place, 1000);
    expect(choice.target(leader)).toEqual({ ...place, rack: 'sa-1' });
    expect(choice.isReplica).toBe(true);
  });

  it('asks the leader again after a while', () => {
    const choice = new ReplicaChoice('sa-1');
    choice.located(2, place, 1000);
    expect(choice.isOver(leader, 999 + REPLICA_TERM_MS)).toBe(false);
    expect(choice.isOver(leader, 1000 + REPLICA_TERM_MS)).toBe(true);
    expect(choice.target(leader)).toMatchObject({ host: 'leader', rack: 'sa-1' });
    expect(choice.isOver(leader, 1e12)).toBe(false);
  });

  it('leaves a replica that has fallen behind', () => {
    const choice = new ReplicaChoice('sa-1');
    choice.located(2, place, 0);
    expect(choice.isOver({ ...leader, inSync: [1] }, 1)).toBe(true);
    expect(choice.isReplica).toBe(false);
  });

  it.each([
    ['failed', (choice: ReplicaChoice) => choice.failed(1000)],
    ['is not known or not in sync', (choice: ReplicaChoice) => choice.located(3, null, 1000)],
  ])('has the leader serve it for a while when the replica %s', (_, happen) => {
    const choice = new ReplicaChoice('sa-1');
    choice.located(2, place, 0);
    happen(choice);
    expect(choice.target(leader)).toMatchObject({ host: 'leader', rack: '' });
    expect(choice.isOver(leader, 999 + AVOID_MS)).toBe(false);
    expect(choice.isOver(leader, 1000 + AVOID_MS)).toBe(true);
    expect(choice.target(leader)).toMatchObject({ host: 'leader', rack: 'sa-1' });
  });

  it('without a rack never leaves the leader', () => {
    const choice = new ReplicaChoice('');
    choice.failed(1000);
    expect(choice.isOver(leader, 1e12)).toBe(false);
    expect(choice.target(leader)).toMatchObject({ host: 'leader', rack: '' });
  });
});
