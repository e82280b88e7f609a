package vendaval.peers;

import org.apache.flink.api.common.functions.AggregateFunction;

/** Adds a window's sales up as they come, so that a window holds one total and no sales. */
final class SaleTotals implements AggregateFunction<Sale, Total, Total> {
  private static final long serialVersionUID = 1;

  @Override
  public Total createAccumulator() {
    return new Total(0, "");
  }

  @Override
  public Total add(Sale sale, Total total) {
    total.add(sale.centavos);
    return total;
  }

  @Override
  public Total getResult(Total total) {
    return total;
  }

  @Override
  public Total merge(Total total, Total other) {
    total.count += other.count;
    total.centavos += other.centavos;
    return total;
  }
}
