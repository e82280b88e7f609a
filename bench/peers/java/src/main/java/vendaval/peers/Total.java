package vendaval.peers;

/**
 * The sum of a window and category, or of one partition's share of it. Open fields and an empty
 * constructor, as Flink's serialiser wants them.
 */
public final class Total {
  public long windowMs;
  public String categoria;
  /** Whose share it is; -1 if of all partitions. */
  public int partition = -1;
  public long count;
  public long centavos;

  public Total() {}

  Total(long windowMs, String categoria) {
    this.windowMs = windowMs;
    this.categoria = categoria;
  }

  void add(long valorCentavos) {
    count++;
    centavos += valorCentavos;
  }
}
