package vendaval.peers;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts records and keeps when the first and the last came, at hardly any cost: each thread has a
 * probe of its own, which looks at the clock once in a thousand records.
 */
final class Meter {
  private static final int CLOCK_EVERY = 1024;

  private final List<Probe> probes = new CopyOnWriteArrayList<>();

  Probe newProbe() {
    Probe probe = new Probe();
    probes.add(probe);
    return probe;
  }

  long records() {
    return probes.stream().mapToLong(probe -> probe.records.get()).sum();
  }

  long firstNanos() {
    return probes.stream().filter(Probe::used).mapToLong(probe -> probe.first).min().orElseThrow();
  }

  long lastNanos() {
    return probes.stream().filter(Probe::used).mapToLong(probe -> probe.last).max().orElseThrow();
  }

  /** Written by one thread, read by any. */
  static final class Probe {
    private final AtomicLong records = new AtomicLong();
    private volatile long first;
    private volatile long last;

    void record() {
      long before = records.getPlain();
      if (before % CLOCK_EVERY == 0) {
        last = System.nanoTime();
        if (before == 0) first = last;
      }
      records.lazySet(before + 1);
    }

    private boolean used() {
      return records.get() > 0;
    }
  }
}
