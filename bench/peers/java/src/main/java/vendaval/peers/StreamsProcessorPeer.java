package vendaval.peers;

import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.streams.Topology;

/** Kafka Streams by its Processor API: sums per partition, so that nothing is repartitioned. */
public final class StreamsProcessorPeer {
  private StreamsProcessorPeer() {}

  public static void main(String[] args) throws Exception {
    Job job = Job.of(args);
    Report.settings(
        StreamsRun.SETTINGS,
        "sums in memory only, one per partition, upserted each second: lost with the process");
    Meter meter = new Meter();
    Topology topology = new Topology();
    topology.addSource(
        "sales", new ByteArrayDeserializer(), new ByteArrayDeserializer(), job.topic());
    topology.addProcessor("sums", () -> new SumsProcessor(job, meter.newProbe()), "sales");
    long dropped = StreamsRun.untilAll(job, topology, meter::records);
    Report.done(meter.lastNanos() - meter.firstNanos(), dropped);
  }
}
