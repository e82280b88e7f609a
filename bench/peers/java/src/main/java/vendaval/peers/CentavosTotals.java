package vendaval.peers;

import org.apache.kafka.streams.kstream.Aggregator;

/** Adds a sale to its window's total, for the DSL. All threads share it. */
final class CentavosTotals implements Aggregator<String, Long, Total> {
  private final ThreadLocal<Meter.Probe> probes;

  CentavosTotals(Meter summed) {
    probes = ThreadLocal.withInitial(summed::newProbe);
  }

  @Override
  public Total apply(String categoria, Long centavos, Total total) {
    total.add(centavos);
    probes.get().record();
    return total;
  }
}
