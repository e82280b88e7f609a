package vendaval.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * One partition's sums. Those that changed are written each second, and then the offsets. Where a
 * rebalance moves the partition to the other thread, a new processor starts from nothing: its sums
 * are another share, beside those that this one left in the database.
 */
final class SumsProcessor implements Processor<byte[], byte[], Void, Void> {
  private static final long MINUTE_MS = 60_000;

  private static final AtomicInteger SHARES = new AtomicInteger();

  private final int share = SHARES.incrementAndGet();
  private final Job job;
  private final Meter.Probe probe;
  private final SaleParser sale = new SaleParser();
  private final Map<Long, Map<String, Total>> windows = new HashMap<>();
  private final Set<Total> changed = new LinkedHashSet<>();
  private long lastWindowMs = -1;
  private Map<String, Total> lastWindow;
  private ProcessorContext<Void, Void> context;
  private TotalsWriter writer;

  SumsProcessor(Job job, Meter.Probe probe) {
    this.job = job;
    this.probe = probe;
  }

  @Override
  public void init(ProcessorContext<Void, Void> context) {
    this.context = context;
    writer = new TotalsWriter(job.mongoUrl(), job.database());
    context.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, nowMs -> write());
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    try {
      sale.parse(record.value());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    long windowMs = sale.eventMs - sale.eventMs % MINUTE_MS;
    // Sales come nearly in order: the window is mostly that of the sale before.
    if (windowMs != lastWindowMs) {
      lastWindow = windows.computeIfAbsent(windowMs, key -> new HashMap<>());
      lastWindowMs = windowMs;
    }
    Total total = lastWindow.get(sale.categoria);
    if (total == null) {
      total = new Total(windowMs, sale.categoria);
      total.share = share;
      lastWindow.put(sale.categoria, total);
    }
    total.add(sale.centavos);
    changed.add(total);
    probe.record();
  }

  private void write() {
    writer.write(changed);
    changed.clear();
    context.commit();
  }

  @Override
  public void close() {
    writer.write(changed);
    writer.close();
  }
}
