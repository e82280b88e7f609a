import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { preparePeers } from '../../../bench/parts/peers.ts';

describe.runIf(process.platform === 'linux')('on a machine without Java, Python and gcc', () => {
  it('each peer is passed over by name, with what it needs', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'vendaval-peers-'));
    onTestFinished(() => rmSync(empty, { recursive: true, force: true }));
    vi.stubEnv('PATH', empty);
    vi.stubEnv('VENDAVAL_CACHE', empty);
    onTestFinished(() => void vi.unstubAllEnvs());
    const steps: string[] = [];

    const { peers, passedOver } = await preparePeers((step) => steps.push(step));

    expect(peers).toEqual([]);
    expect(passedOver.map(({ name }) => name.split(' ')[0])).toEqual([
      ...['Flink', 'Kafka', 'Kafka', 'Kafka', 'Spark', 'librdkafka'],
    ]);
    for (const { name, why } of passedOver) {
      expect(why).toMatch(
        /there is no (java|gcc|pkg-config)\. Install .+ and have it on the PATH\.$/,
      );
      expect(steps).toContain(`${name} is passed over: ${why}`);
    }
    expect(readdirSync(empty)).toEqual([]);
  });
});
