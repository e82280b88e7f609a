package vendaval.peers;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Kafka Streams by its DSL: group by category, which writes every sale to a topic by category and
 * reads it again. Stream time there goes with the partition that is furthest, so a grace that is
 * right for the disorder of the shop loses the sales of the others. The grace, in minutes, is the
 * argument behind the usual ones.
 */
public final class StreamsDslPeer {
  private static final Duration WINDOW = Duration.ofMinutes(1);

  private StreamsDslPeer() {}

  public static void main(String[] args) throws Exception {
    Job job = Job.of(args);
    Duration grace = Duration.ofMinutes(Long.parseLong(args[5]));
    Report.settings(
        StreamsRun.SETTINGS,
        "groupBy and TimeWindows with " + grace.toMinutes() + " minutes of grace",
        "a window store in memory with cache and changelog",
        "results upserted each second");
    Meter read = new Meter();
    Meter summed = new Meter();
    long dropped = StreamsRun.untilAll(job, topology(job, grace, read, summed), summed::records);
    long lastNanos = Math.max(read.lastNanos(), summed.lastNanos());
    Report.done(lastNanos - read.firstNanos(), dropped);
  }

  private static Topology topology(Job job, Duration grace, Meter read, Meter summed) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(
            job.topic(),
            Consumed.with(Serdes.ByteArray(), SaleSerdes.sale(read))
                .withTimestampExtractor((record, before) -> ((Sale) record.value()).eventMs))
        .map((key, sale) -> KeyValue.pair(sale.categoria, sale.centavos))
        .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, grace))
        .aggregate(Total::new, new CentavosTotals(summed), totals(grace))
        .toStream()
        .process(() -> new TotalsProcessor(job));
    return builder.build();
  }

  private static Materialized<String, Total, WindowStore<Bytes, byte[]>> totals(Duration grace) {
    return Materialized.<String, Total>as(
            Stores.inMemoryWindowStore("totals", WINDOW.plus(grace), WINDOW, false))
        .withKeySerde(Serdes.String())
        .withValueSerde(SaleSerdes.total())
        .withCachingEnabled();
  }
}
