/** Somebody who compacts old documents once, from a machine of their own; whatever fails is let be. */
import { type Candidate, compactAll, planCompact } from '../../src/upkeep/compact.ts';
import { type Cluster, SimDatabase } from './database.ts';
import { COLLECTION, TOPIC } from './sim-process.ts';
import { Actor, Machine, type World } from './world.ts';

export function compact(world: World, cluster: Cluster, delayMs: number): void {
  const actor = new Actor(new Machine('compact', 0), '');
  world.after(0, actor, 'compact', () => {
    const { db } = new SimDatabase(cluster, actor).connection;
    const run = async () => {
      const { upToMs, partitions } = await planCompact(db, TOPIC, delayMs, 0);
      if (!Number.isFinite(upToMs)) return;
      const old = { janela_fim: { $lte: new Date(upToMs) } };
      const found = await db.collection<Candidate>(COLLECTION).find(old).toArray();
      const written = await compactAll(db, COLLECTION, found, partitions);
      world.tell(actor.name, `${written} documents are compacted`);
    };
    run().catch((error) => world.tell(actor.name, `gives up: ${error}`));
  });
}
