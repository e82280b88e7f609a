"""Spark Structured Streaming, all that is in the topic in one trigger, in one process of 2 cores.

Arguments: brokers, topic, sales (for nothing), MongoDB's URL, database, folder of the Kafka jars.
"""

import json
import shutil
import sys
import tempfile
import time

from pymongo import MongoClient, ReplaceOne
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

brokers, topic, _sales, mongo_url, database, jars = sys.argv[1:]
TASKS = 6  # Two for each partition of the topic: three would leave one core idle in the end.
SCHEMA = "categoria STRING, valor DOUBLE, timestamp TIMESTAMP"
FETCH = {
    "kafka.max.partition.fetch.bytes": 4 << 20,
    "kafka.fetch.max.bytes": 64 << 20,
    "kafka.receive.buffer.bytes": 1 << 20,
    "kafka.max.poll.records": 10_000,
}


def say(**line):
    print(json.dumps(line), flush=True)


def write(batch, _batch_id):
    """Update mode: only the totals that this batch changed, and all of them by their key."""
    upserts = []
    for row in batch.collect():
        minute = row.window.start.isoformat(timespec="minutes")
        key = f"{minute}|{row.categoria}"
        total = {
            "_id": key,
            "janela_inicio": row.window.start,
            "categoria": row.categoria,
            "faturamento_total": row.centavos / 100,
            "volume_vendas": row.count_,
        }
        upserts.append(ReplaceOne({"_id": key}, total, upsert=True))
    if upserts:
        collection.bulk_write(upserts, ordered=False)


checkpoint = tempfile.mkdtemp(prefix="vendaval-spark-")
collection = MongoClient(mongo_url)[database]["faturamento_tempo_real"]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.memory", "2g")
    .config("spark.driver.extraClassPath", f"{jars}/*")
    .config("spark.driver.extraJavaOptions", "-XX:+UseParallelGC -Duser.timezone=UTC")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", 2)
    .config("spark.ui.enabled", False)
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)
say(
    code="settings",
    settings=[
        f"Spark {spark.version}",
        "local[2] with a heap of 2 GB",
        "trigger availableNow in update mode, one batch",
        f"{TASKS} tasks read, 2 shuffle partitions",
        "from_json with the three fields' schema",
        "watermark of 2 minutes",
        "fetches of 4 MiB a partition and 64 MiB",
        "foreachBatch into pymongo",
        "steady is from the query's start to its end",
    ],
)
source = (
    spark.readStream.format("kafka")
    .options(**FETCH)
    .option("kafka.bootstrap.servers", brokers)
    .option("subscribe", topic)
    .option("startingOffsets", "earliest")
    .option("minPartitions", TASKS)
)
totals = (
    source.load()
    .select(f.from_json(f.col("value").cast("string"), SCHEMA).alias("sale"))
    .select("sale.*")
    .withWatermark("timestamp", "2 minutes")
    .groupBy(f.window("timestamp", "1 minute"), "categoria")
    .agg(
        f.sum(f.round(f.col("valor") * 100).cast("long")).alias("centavos"),
        f.count("*").alias("count_"),
    )
)
try:
    started = time.perf_counter()
    query = (
        totals.writeStream.outputMode("update")
        .option("checkpointLocation", checkpoint)
        .trigger(availableNow=True)
        .foreachBatch(write)
        .start()
    )
    query.awaitTermination()
    reading_ms = (time.perf_counter() - started) * 1000
    spark.stop()
finally:
    shutil.rmtree(checkpoint, ignore_errors=True)
say(code="done", readingMs=reading_ms)
