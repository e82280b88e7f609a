/** A database of the scenario's own that is killed and started again on the same data and port. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../../src/mongo/embedded-database.ts';
import type { Chaos } from './scenario.ts';

export class CrashingDatabase {
  readonly #storagePath: string;
  #server: EmbeddedDatabase;

  private constructor(storagePath: string, server: EmbeddedDatabase) {
    this.#storagePath = storagePath;
    this.#server = server;
  }

  /** Each of its commits reaches the disk before it is acknowledged. Ends with the scenario. */
  static async start(chaos: Chaos): Promise<CrashingDatabase> {
    const storagePath = await mkdtemp(join(tmpdir(), 'vendaval-chaos-'));
    const database = new CrashingDatabase(storagePath, await launch(storagePath));
    chaos.onTestFinished(async () => {
      await database.crash();
      await rm(storagePath, { recursive: true, force: true });
    });
    return database;
  }

  get url(): string {
    return this.#server.url;
  }

  crash(): Promise<void> {
    return this.#server.kill('SIGKILL');
  }

  async restart(): Promise<void> {
    this.#server = await launch(this.#storagePath, this.#server.port);
  }
}

function launch(storagePath: string, port?: number): Promise<EmbeddedDatabase> {
  return startEmbeddedDatabase({ storagePath, port, syncOnCommit: true });
}
