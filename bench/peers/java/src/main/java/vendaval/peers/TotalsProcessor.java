package vendaval.peers;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** The DSL's end: keeps the last total of each window and writes those that came, each second. */
final class TotalsProcessor implements Processor<Windowed<String>, Total, Void, Void> {
  private final Job job;
  private final Map<Windowed<String>, Total> pending = new HashMap<>();
  private TotalsWriter writer;

  TotalsProcessor(Job job) {
    this.job = job;
  }

  @Override
  public void init(ProcessorContext<Void, Void> context) {
    writer = new TotalsWriter(job.mongoUrl(), job.database());
    context.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, nowMs -> write());
  }

  @Override
  public void process(Record<Windowed<String>, Total> record) {
    Total total = record.value();
    total.windowMs = record.key().window().start();
    total.categoria = record.key().key();
    pending.put(record.key(), total);
  }

  private void write() {
    writer.write(pending.values());
    pending.clear();
  }

  @Override
  public void close() {
    write();
    writer.close();
  }
}
