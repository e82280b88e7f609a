/** That the check of the documents can fail, shown on pages of its own, in a real terminal. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isNotRun } from '../../parts/docs/command-rules.ts';
import { runPage } from '../../parts/docs/run-page.ts';

const LIMIT = { timeout: 120_000 };

/** `~~~` is a fence, as the three ticks are. */
async function run(...lines: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-page-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'page.md');
  await writeFile(path, lines.join('\n'));
  return runPage({ onTestFinished }, path, { showLimitMs: 2000 });
}

describe('a page is done as it is written', () => {
  it('line by line, in one terminal, and what it says is shown is looked for', LIMIT, async () => {
    const { lines, seen } = await run(
      ...['~~~sh', 'x=sale', 'printf "one  %s\\n" \\', '  "$x"', '# a comment', '~~~'],
      ...['~~~text', 'one sale', '~~~'],
    );
    expect({ lines, seen }).toEqual({ lines: 2, seen: 1 });
  });

  it('with … for anything, in the order of the page', LIMIT, async () => {
    const page = ['~~~sh', "printf 'a 17 b\\nc 4 d\\n'", '~~~', '~~~text'];
    await run(...page, 'a … b', '… d', '~~~');
    await expect(run(...page, 'c … d', 'a … b', '~~~')).rejects.toThrow(/page.md:4: not shown/);
  });

  it('to an end that it names', LIMIT, async () => {
    await run('~~~sh exit=3', '(exit 3)', '~~~');
    await expect(run('~~~sh', '(exit 3)', '~~~')).rejects.toThrow(/page.md:1: ended with 3/);
    await expect(run('~~~sh exit=3', 'true', '~~~')).rejects.toThrow(/ended with 0/);
  });

  it('in a terminal of its own until Ctrl+C, which must be a good end', LIMIT, async () => {
    const program = (end: number) => [
      ...['~~~sh terminal=one', `(trap 'exit ${end}' INT; echo up; sleep 1000 & wait)`, '~~~'],
      ...['~~~text', 'up', '~~~', '', '<!-- Ctrl+C one -->'],
    ];
    await run(...program(0));
    await expect(run(...program(5))).rejects.toThrow(/after Ctrl\+C it ended with/);
  });

  it('but for what cannot be had, and what is marked so', LIMIT, async () => {
    const page = ['~~~sh', 'docker compose up', 'npm ci', 'true', '~~~'];
    expect(await run(...page, '~~~sh not-run', 'false', '~~~')).toMatchObject({ lines: 1 });
  });

  it("and of Docker's commands those of Kafka's own programs are run", () => {
    const kafka = 'docker exec -it kafka /opt/kafka/bin/kafka-topics.sh --list';
    expect(isNotRun(kafka.split(' '))).toBe(false);
    for (const other of [
      'docker compose -f docker/compose.yaml up -d',
      'docker exec -it mongo mongosh',
      'docker exec -it kafka /opt/kafka/bin/kafka-run-class.sh',
      'docker exec -it mongo /opt/kafka/bin/kafka-topics.sh --list',
    ]) {
      expect(isNotRun(other.split(' ')), other).toBe(true);
    }
  });
});
