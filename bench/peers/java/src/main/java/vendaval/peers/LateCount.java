package vendaval.peers;

import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;

/** Counts the sales that came after their window had closed. */
final class LateCount extends RichMapFunction<Sale, Sale> {
  private static final long serialVersionUID = 1;
  static final String NAME = "late";

  private final LongCounter count = new LongCounter();

  @Override
  public void open(OpenContext context) {
    getRuntimeContext().addAccumulator(NAME, count);
  }

  @Override
  public Sale map(Sale sale) {
    count.add(1);
    return sale;
  }
}
