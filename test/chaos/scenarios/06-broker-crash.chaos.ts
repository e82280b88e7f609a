import { startKafkaBroker } from '../../parts/kafka-broker.ts';
import { makeSales, WORKLOAD_CATEGORIES_MAX } from '../../parts/sales.ts';
import { scenario } from '../scenario.ts';

const SALES = 2000;

scenario(
  {
    row: 6,
    title: 'broker crash',
    invariant: 'exact, and it resumes by itself',
  },
  async (chaos) => {
    const crashes = chaos.times(10, 2);
    const broker = await startKafkaBroker();
    chaos.onTestFinished(() => broker.stop());
    const scene = await chaos.scene({
      brokers: broker.brokers,
      rules: { maxCategories: WORKLOAD_CATEGORIES_MAX },
    });
    const sales = makeSales({ seed: chaos.seed, count: SALES * (2 * crashes + 1) });
    const engine = scene.engine();
    const resumesMs: number[] = [];
    await scene.produce(sales.splice(0, SALES));
    for (let crash = 0; crash < crashes; crash++) {
      await engine.until(async () => (await scene.judged()) > 0, 'it gets going');
      // Half of it is read before the crash, or it comes in the middle.
      await scene.produce(sales.splice(0, SALES));
      await broker.kill('SIGKILL');
      await broker.restart();
      const upMs = performance.now();
      await scene.produce(sales.splice(0, SALES));
      await scene.untilDrained(engine);
      resumesMs.push(performance.now() - upMs);
      chaos.progress(crash + 1, crashes);
    }
    engine.signal('SIGTERM');
    await engine.endsWell();
    await scene.expectExact({ mayRepeat: true });
    chaos.figure('crashes', crashes);
    chaos.figure('wrong documents', 0);
    chaos.spread('broker up to all durable', resumesMs, 'ms');
  },
);
