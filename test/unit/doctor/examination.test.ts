import { expect, test } from 'vitest';
import { Examination, exitCodeOf } from '../../../src/doctor/examination.ts';
import { VendavalError } from '../../../src/lib/errors.ts';

const fine = { verdict: 'ok', found: 'fine' } as const;

test('a check gets what others found, and they run side by side', async () => {
  const examination = new Examination(60_000);
  let open: (value: number) => void = () => {};
  const slow = new Promise<number>((resolve) => {
    open = resolve;
  });
  const first = examination.add({
    id: 'kafka.first',
    title: 'first',
    look: async () => ({ ...fine, value: await slow }),
  });
  const sum = examination.add({
    id: 'kafka.sum',
    title: 'sum',
    needs: [first],
    look: (value) => ({ ...fine, found: String(value + 1) }),
  });
  const other = examination.add({ id: 'mongodb.other', title: 'other', look: () => fine });
  expect((await other.outcome).finding).toEqual(fine);
  open(41);
  expect((await sum.outcome).finding.found).toBe('42');
});

test('one that fails hides no other, and those that need it are passed over with its name', async () => {
  const examination = new Examination(60_000);
  const failing = examination.add<number, []>({
    id: 'kafka.brokers',
    title: 'brokers',
    look: () => {
      throw new VendavalError('nobody is there', {
        code: 'E_BROKER_UNREACHABLE',
        hint: 'Start it.',
      });
    },
  });
  const passedOver = examination.add({
    id: 'kafka.topic',
    title: 'topic',
    needs: [failing],
    look: () => fine,
  });
  const bug = examination.add({
    id: 'machine.bug',
    title: 'bug',
    look: () => {
      throw new TypeError('undefined is not a function');
    },
  });
  expect((await failing.outcome).finding).toMatchObject({
    verdict: 'fail',
    found: 'nobody is there',
    problem: { code: 'E_BROKER_UNREACHABLE', cause: 'Start it.' },
  });
  expect((await passedOver.outcome).finding).toMatchObject({
    verdict: 'skip',
    found: 'not looked at: see "brokers"',
  });
  expect((await bug.outcome).finding.problem?.code).toBe('E_INTERNAL');
});

test('one that comes to no end is given up', async () => {
  const examination = new Examination(1);
  const stuck = examination.add({
    id: 'kafka.stuck',
    title: 'stuck',
    look: () => new Promise(() => {}),
  });
  expect((await stuck.outcome).finding).toMatchObject({
    verdict: 'fail',
    problem: { code: 'E_DOCTOR_TIMEOUT' },
  });
});

test('a failure that may go on hands its value on', async () => {
  const examination = new Examination(60_000);
  const partly = examination.add({
    id: 'kafka.brokers',
    title: 'brokers',
    look: () => ({ verdict: 'fail', found: 'one of two', value: 7 }),
  });
  const next = examination.add({
    id: 'kafka.topics',
    title: 'topics',
    needs: [partly],
    look: (value) => ({ ...fine, found: `${value}` }),
  });
  expect((await next.outcome).finding.found).toBe('7');
});

test('the exit code is the gravest of the failures, and warnings are none', () => {
  const problem = { code: 'E_X', cause: '', run: [], read: '' };
  const fail = (exitCode: 1 | 2 | 3) => {
    return { verdict: 'fail', found: '', problem: { ...problem, exitCode } } as const;
  };
  expect(exitCodeOf([fine, { verdict: 'warn', found: '', problem }])).toBe(0);
  expect(exitCodeOf([{ verdict: 'fail', found: '' }])).toBe(1);
  expect(exitCodeOf([fail(1), fail(3), fail(2)])).toBe(3);
});
