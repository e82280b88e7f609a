package vendaval.peers;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Upserts each closed window's total; written before a checkpoint is complete, and at the end. */
final class TotalsSink implements Sink<Total> {
  private static final long serialVersionUID = 1;
  private static final int BULK = 100;

  private final String mongoUrl;
  private final String database;

  TotalsSink(String mongoUrl, String database) {
    this.mongoUrl = mongoUrl;
    this.database = database;
  }

  @Override
  public SinkWriter<Total> createWriter(WriterInitContext context) {
    return new Writer(new TotalsWriter(mongoUrl, database));
  }

  private static final class Writer implements SinkWriter<Total> {
    private final TotalsWriter writer;
    private final List<Total> pending = new ArrayList<>();

    private Writer(TotalsWriter writer) {
      this.writer = writer;
    }

    @Override
    public void write(Total total, Context context) {
      pending.add(total);
      if (pending.size() == BULK) flush(false);
    }

    @Override
    public void flush(boolean endOfInput) {
      writer.write(pending);
      pending.clear();
    }

    @Override
    public void close() {
      writer.close();
    }
  }
}
