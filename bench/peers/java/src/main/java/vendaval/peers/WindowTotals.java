package vendaval.peers;

import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Tells a closed window's total whose it is. */
final class WindowTotals extends ProcessWindowFunction<Total, Total, String, TimeWindow> {
  private static final long serialVersionUID = 1;

  @Override
  public void process(
      String categoria, Context context, Iterable<Total> totals, Collector<Total> out) {
    for (Total total : totals) {
      total.categoria = categoria;
      total.windowMs = context.window().getStart();
      out.collect(total);
    }
  }
}
