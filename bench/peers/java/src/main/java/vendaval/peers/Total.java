package vendaval.peers;

/**
 * The sum of a window and category, or a share of it. Open fields and an empty
 * constructor, as Flink's serialiser wants them.
 */
public final class Total {
  public long windowMs;
  public String categoria;
  /** The number of the share; 0 if it is the whole sum. */
  public int share;
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
