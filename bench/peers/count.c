/*
 * librdkafka in C, counting only: what the library allows at most, with nothing done to a record.
 * Arguments: brokers, topic, sales to read. Each partition's fetched batches go into one queue,
 * from which they are taken many at a time.
 */
#include <rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 10000
#define WAIT_MS 100

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(name, why);
}

static rd_kafka_t *consumer(const char *brokers, const char *group) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "group.id", group);
  set(conf, "enable.auto.commit", "false");
  set(conf, "fetch.message.max.bytes", "4194304");
  set(conf, "fetch.max.bytes", "67108864");
  set(conf, "queued.min.messages", "1000000");
  set(conf, "queued.max.messages.kbytes", "262144");
  set(conf, "check.crcs", "false");
  rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (rk == NULL) fail("rd_kafka_new", why);
  rd_kafka_poll_set_consumer(rk);
  return rk;
}

/* All partitions from their beginning, without a group's rebalance. */
static void assign_all(rd_kafka_t *rk, const char *topic) {
  rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 0, handle, &metadata, 10000);
  if (error) fail("metadata", rd_kafka_err2str(error));
  int partitions = metadata->topics[0].partition_cnt;
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; i++) {
    rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  error = rd_kafka_assign(rk, list);
  if (error) fail("assign", rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
}

int main(int argc, char **argv) {
  static rd_kafka_message_t *messages[BATCH];
  if (argc != 4) fail(argv[0], "brokers, topic and sales are wanted");
  long sales = atol(argv[3]);
  printf("{\"code\":\"settings\",\"settings\":[\"librdkafka %s\",\"partitions assigned, batches of "
         "%d from one queue\",\"fetches of 4 MiB a partition and 64 MiB, 256 MiB queued\","
         "\"no checksums, no commits\"]}\n", rd_kafka_version_str(), BATCH);

  rd_kafka_t *rk = consumer(argv[1], "bench-count");
  assign_all(rk, argv[2]);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
  long read = 0;
  double first_ms = 0;
  while (read < sales) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, BATCH);
    if (got < 0) fail("consume", rd_kafka_err2str(rd_kafka_last_error()));
    if (got > 0 && first_ms == 0) first_ms = now_ms();
    for (ssize_t i = 0; i < got; i++) {
      if (messages[i]->err) fail("a record", rd_kafka_message_errstr(messages[i]));
      read++;
      rd_kafka_message_destroy(messages[i]);
    }
  }
  printf("{\"code\":\"done\",\"readingMs\":%.3f,\"hash\":null}\n", now_ms() - first_ms);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}
