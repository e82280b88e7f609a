package vendaval.peers;

import java.io.IOException;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Flink's reader of records. With object reuse on, one sale serves all records of a task. */
final class SaleReader implements KafkaRecordDeserializationSchema<Sale> {
  private static final long serialVersionUID = 1;
  static final Meter METER = new Meter();

  private transient SaleParser parser;
  private transient Meter.Probe probe;
  private transient Sale sale;

  @Override
  public void open(DeserializationSchema.InitializationContext context) {
    parser = new SaleParser();
    probe = METER.newProbe();
    sale = new Sale();
  }

  @Override
  public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Sale> out)
      throws IOException {
    parser.parse(record.value());
    sale.categoria = parser.categoria;
    sale.centavos = parser.centavos;
    sale.eventMs = parser.eventMs;
    out.collect(sale);
    probe.record();
  }

  @Override
  public TypeInformation<Sale> getProducedType() {
    return TypeInformation.of(Sale.class);
  }
}
