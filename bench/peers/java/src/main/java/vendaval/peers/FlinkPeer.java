package vendaval.peers;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.util.OutputTag;
import org.apache.kafka.clients.consumer.ConsumerConfig;

/** Flink's DataStream API on a local cluster inside this process. */
public final class FlinkPeer {
  private static final int PARALLELISM = 2;
  private static final OutputTag<Sale> LATE = new OutputTag<>("late", Types.POJO(Sale.class));

  private FlinkPeer() {}

  public static void main(String[] args) throws Exception {
    Job job = Job.of(args);
    Report.settings(
        "Flink " + EnvironmentInformation.getVersion(),
        "one local cluster of parallelism " + PARALLELISM,
        "object reuse",
        "fetches of 4 MiB a partition and 64 MiB, 10,000 records a poll",
        "watermarks per split with 2 minutes of disorder",
        "Jackson's streaming parser",
        "a checkpoint each 10 s to the heap");

    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, configuration());
    WatermarkStrategy<Sale> watermarks =
        WatermarkStrategy.<Sale>forBoundedOutOfOrderness(Duration.ofMinutes(2))
            .withTimestampAssigner((sale, brokerMs) -> sale.eventMs);
    SingleOutputStreamOperator<Total> totals =
        env.fromSource(source(job), watermarks, "sales")
            .keyBy(sale -> sale.categoria, Types.STRING)
            .window(TumblingEventTimeWindows.of(Duration.ofMinutes(1)))
            .sideOutputLateData(LATE)
            .aggregate(new SaleTotals(), new WindowTotals());
    totals.sinkTo(new TotalsSink(job.mongoUrl(), job.database()));
    totals.getSideOutput(LATE).map(new LateCount()).sinkTo(new DiscardingSink<>());

    long late = env.execute("peer").<Long>getAccumulatorResult(LateCount.NAME);
    Report.done(SaleReader.METER.lastNanos() - SaleReader.METER.firstNanos(), late);
  }

  private static Configuration configuration() {
    Configuration config = new Configuration();
    config.set(PipelineOptions.OBJECT_REUSE, true);
    config.set(PipelineOptions.GENERIC_TYPES, false);
    config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofSeconds(10));
    config.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
    config.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
    return config;
  }

  private static KafkaSource<Sale> source(Job job) {
    return KafkaSource.<Sale>builder()
        .setBootstrapServers(job.brokers())
        .setTopics(job.topic())
        .setGroupId(job.database())
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.latest())
        .setDeserializer(new SaleReader())
        .setProperty(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, String.valueOf(4 << 20))
        .setProperty(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, String.valueOf(64 << 20))
        .setProperty(ConsumerConfig.RECEIVE_BUFFER_CONFIG, String.valueOf(1 << 20))
        .setProperty(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "10000")
        .build();
  }
}
