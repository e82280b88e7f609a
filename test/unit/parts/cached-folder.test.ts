import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cachedFolder, digestOf } from '../../parts/cached-folder.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'vendaval-cached-'));
  vi.stubEnv('VENDAVAL_CACHE', cache);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(cache, { recursive: true, force: true });
  });
});

const fillWith = (text: string) => async (own: string) => {
  mkdirSync(own);
  writeFileSync(join(own, 'file'), text);
};
const textIn = (folder: string) => readFileSync(join(folder, 'file'), 'utf8');

describe('a folder in the cache', () => {
  it('is filled once', async () => {
    expect(textIn(await cachedFolder('jars', fillWith('first')))).toBe('first');
    expect(textIn(await cachedFolder('jars', fillWith('second')))).toBe('first');
  });

  it('is not there, nor a part of it, if it could not be filled', async () => {
    const failing = cachedFolder('jars', async (own) => {
      await fillWith('half')(own);
      throw new Error('no network');
    });
    await expect(failing).rejects.toThrow('no network');
    expect(readdirSync(cache)).toEqual([]);
  });

  it('is that of the first of two who fill it at once', async () => {
    const folder = await cachedFolder('jars', async (own) => {
      await cachedFolder('jars', fillWith('faster'));
      await fillWith('slower')(own);
    });
    expect(textIn(folder)).toBe('faster');
    expect(readdirSync(cache)).toEqual(['jars']);
  });
});

describe('a digest', () => {
  it('changes with any file and any text', async () => {
    const [a, b] = ['a', 'b'].map((name) => join(cache, name));
    writeFileSync(a, 'one');
    writeFileSync(b, 'two');
    const digests = [
      await digestOf([a]),
      await digestOf([b]),
      await digestOf([a, b]),
      await digestOf([a], ['-O2']),
      await digestOf([a], ['-O2', '-g']),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });
});
