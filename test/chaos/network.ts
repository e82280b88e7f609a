/** The network between a scenario's engines and their servers, to be made bad; tests go around it. */
import { inject } from 'vitest';
import { FaultProxy, KAFKA_FRAMING, MONGO_FRAMING } from '../parts/fault-proxy.ts';
import type { Scene, SceneOptions } from '../parts/scene.ts';
import type { Chaos } from './scenario.ts';

/** Engines reach the database through the proxy. */
export async function sceneBehindMongoProxy(
  chaos: Chaos,
  options: SceneOptions = {},
): Promise<{ scene: Scene; proxy: FaultProxy }> {
  const url = new URL(options.mongoUrl ?? inject('mongoUrl'));
  const proxy = await FaultProxy.start(chaos, Number(url.port), { framing: MONGO_FRAMING });
  url.port = String(proxy.port);
  const scene = await chaos.scene({ ...options, flags: { ...options.flags, mongo: url.href } });
  return { scene, proxy };
}

/** Engines reach the shared broker through the proxy, since it tells them that it is there. */
export async function sceneBehindKafkaProxy(
  chaos: Chaos,
  options: SceneOptions = {},
): Promise<{ scene: Scene; proxy: FaultProxy }> {
  const { advertisedPort: port, listensOn } = inject('kafkaProxied');
  const proxy = await FaultProxy.start(chaos, listensOn, { port, framing: KAFKA_FRAMING });
  const flags = { ...options.flags, brokers: `127.0.0.1:${port}` };
  return { scene: await chaos.scene({ ...options, flags }), proxy };
}
