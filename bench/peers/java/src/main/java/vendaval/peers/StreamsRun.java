package vendaval.peers;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** Runs a topology until all sales are accounted for: Kafka Streams itself never ends. */
final class StreamsRun {
  static final String SETTINGS =
      "Kafka Streams "
          + AppInfoParser.getVersion()
          + "; 2 stream threads; fetches of 4 MiB a partition and 64 MiB, 10,000 records a poll;"
          + " Jackson's streaming parser; a commit each second, at least once";
  private static final int POLL_MS = 10;

  private StreamsRun() {}

  /** Returns how many records it dropped, by Kafka Streams' own metric. */
  static long untilAll(Job job, Topology topology, LongSupplier processed) throws Exception {
    Path folder = Files.createTempDirectory("vendaval-streams-");
    KafkaStreams streams = new KafkaStreams(topology, properties(job, folder));
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.start();
    while (processed.getAsLong() + dropped(streams) < job.sales()) Thread.sleep(POLL_MS);
    long dropped = dropped(streams);
    // Ends with a commit, which writes what is still to be written.
    streams.close();
    streams.cleanUp();
    Files.deleteIfExists(folder.resolve(job.database()));
    Files.deleteIfExists(folder);
    return dropped;
  }

  private static long dropped(KafkaStreams streams) {
    double sum = 0;
    for (Metric metric : streams.metrics().values()) {
      if (!metric.metricName().name().equals("dropped-records-total")) continue;
      sum += (double) metric.metricValue();
    }
    return Math.round(sum);
  }

  private static Properties properties(Job job, Path folder) {
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, job.database());
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.brokers());
    config.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    config.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    // The second thread gets its partitions when the first hears of it by a heartbeat.
    config.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 300);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    config.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
    config.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 64 << 20);
    config.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, 1 << 20);
    config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
    config.put(ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
    config.put(ProducerConfig.LINGER_MS_CONFIG, 50);
    config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 64L << 20);
    return config;
  }
}
