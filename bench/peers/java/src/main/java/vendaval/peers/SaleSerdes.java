package vendaval.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What the DSL reads sales by, and keeps totals by: two longs. */
final class SaleSerdes {
  private SaleSerdes() {}

  static Serde<Sale> sale(Meter read) {
    // Each thread has a consumer of its own, and asks for nothing at the same time as another.
    ThreadLocal<SaleParser> parsers = ThreadLocal.withInitial(SaleParser::new);
    ThreadLocal<Meter.Probe> probes = ThreadLocal.withInitial(read::newProbe);
    Deserializer<Sale> reader =
        (topic, json) -> {
          SaleParser parser = parsers.get();
          try {
            parser.parse(json);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
          probes.get().record();
          Sale sale = new Sale();
          sale.categoria = parser.categoria;
          sale.centavos = parser.centavos;
          sale.eventMs = parser.eventMs;
          return sale;
        };
    return Serdes.serdeFrom((topic, sale) -> null, reader);
  }

  static Serde<Total> total() {
    return Serdes.serdeFrom(
        (topic, total) ->
            ByteBuffer.allocate(16).putLong(total.count).putLong(total.centavos).array(),
        (topic, bytes) -> {
          if (bytes == null) return null;
          ByteBuffer buffer = ByteBuffer.wrap(bytes);
          Total total = new Total();
          total.count = buffer.getLong();
          total.centavos = buffer.getLong();
          return total;
        });
  }
}
