import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own clients for tests, run from this file: java -cp (jars) JavaClient.java
 * produce|read brokers topic. Bytes are in base 64, and "-" is null; tabs stand between fields.
 *
 * <p>produce: each line of standard input is one record: codec, partition, timestamp, key, value,
 * and name and value of each header.
 * An empty line asks for all to be acknowledged, and then gets one line: how many there were.
 * "begin", "commit" or "abort" with the name of a transactional producer do that; "begin" has a
 * codec as well. A record whose codec is "in" and that name is of its open transaction.
 *
 * <p>read: writes one line for each committed record up to the end as it is now: partition,
 * offset, timestamp, key, value, and name and value of each header.
 */
public class JavaClient {
  public static void main(String[] args) throws Exception {
    if (args[0].equals("produce")) produce(args[1], args[2]);
    else read(args[1], args[2]);
  }

  private static void produce(String brokers, String topic) throws Exception {
    Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.isEmpty()) {
        for (KafkaProducer<byte[], byte[]> producer : producers.values()) producer.flush();
        for (Future<RecordMetadata> future : sent) future.get();
        System.out.println(sent.size());
        sent.clear();
        continue;
      }
      String[] fields = line.split("\t", -1);
      if (fields[0].equals("begin")) {
        producers
            .computeIfAbsent("in " + fields[1], name -> transactional(brokers, fields[2], name))
            .beginTransaction();
        continue;
      }
      if (fields[0].equals("commit")) {
        producers.get("in " + fields[1]).commitTransaction();
        continue;
      }
      if (fields[0].equals("abort")) {
        // An abort drops what was not sent yet, and the records of a test shall be in the log.
        producers.get("in " + fields[1]).flush();
        producers.get("in " + fields[1]).abortTransaction();
        continue;
      }
      int partition = Integer.parseInt(fields[1]);
      long timestamp = Long.parseLong(fields[2]);
      ProducerRecord<byte[], byte[]> record =
          new ProducerRecord<>(topic, partition, timestamp, bytes(fields[3]), bytes(fields[4]));
      for (int i = 5; i < fields.length; i += 2) {
        String name = new String(bytes(fields[i]), StandardCharsets.UTF_8);
        record.headers().add(name, bytes(fields[i + 1]));
      }
      sent.add(
          producers
              .computeIfAbsent(fields[0], codec -> producer(config(brokers, codec)))
              .send(record));
    }
    for (KafkaProducer<byte[], byte[]> producer : producers.values()) producer.close();
  }

  private static KafkaProducer<byte[], byte[]> transactional(
      String brokers, String codec, String name) {
    Map<String, Object> config = config(brokers, codec);
    config.put("transactional.id", name + "-" + System.nanoTime());
    KafkaProducer<byte[], byte[]> producer = producer(config);
    producer.initTransactions();
    return producer;
  }

  private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> config) {
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static Map<String, Object> config(String brokers, String codec) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", brokers);
    config.put("compression.type", codec);
    config.put("acks", "all");
    config.put("linger.ms", 20);
    // Batches of several blocks: snappy's are 32 KB, lz4's 64 KB, zstd's 128 KB.
    config.put("batch.size", 400_000);
    config.put("max.request.size", 2_000_000);
    return config;
  }

  private static void read(String brokers, String topic) throws Exception {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", brokers);
    config.put("enable.auto.commit", false);
    config.put("isolation.level", "read_committed");
    BufferedWriter out =
        new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.US_ASCII));
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          out.write(record.partition() + "\t" + record.offset() + "\t" + record.timestamp());
          out.write("\t" + text(record.key()) + "\t" + text(record.value()));
          for (Header header : record.headers()) {
            out.write("\t" + text(header.key().getBytes(StandardCharsets.UTF_8)));
            out.write("\t" + text(header.value()));
          }
          out.write("\n");
        }
      }
    }
    out.flush();
  }

  private static byte[] bytes(String text) {
    return text.equals("-") ? null : Base64.getDecoder().decode(text);
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }
}
