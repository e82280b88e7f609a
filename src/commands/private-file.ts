/** A file that only its owner may read, since what is in it may hold a password. */
import { open } from 'node:fs/promises';

/** A file that is there keeps nothing of its content, and not its rights either. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    // The mode above is for a new file only; before there is anything to read in an old one.
    await file.chmod(0o600);
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}
