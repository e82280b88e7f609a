package vendaval.peers;

/** What of a sale goes through Flink's shuffle; open fields, as its serialiser wants them. */
public final class Sale {
  public String categoria;
  public long centavos;
  public long eventMs;
}
