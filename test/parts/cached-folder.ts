/**
 * A folder in the cache that takes long to fill: downloads, or what was made of them. Invariant:
 * it has its final name only when it is complete, so processes that race need no lock: each fills
 * a folder of its own, the first to rename it wins and the others use that one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../src/lib/errors.ts';
import { cacheFolder } from '../../src/mongo/python-environment.ts';

/** Twelve digits that change with any of the files and texts. */
export async function digestOf(
  files: readonly string[],
  texts: readonly string[] = [],
): Promise<string> {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text}\n`);
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}

/** @param fill is given the folder to make; called only if there is none of this name */
export async function cachedFolder(
  name: string,
  fill: (own: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder(), name);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (isThere) return folder;

  await mkdir(cacheFolder(), { recursive: true });
  const own = `${folder}.${randomUUID()}`;
  try {
    await fill(own);
    await rename(own, folder);
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
  return folder;
}
