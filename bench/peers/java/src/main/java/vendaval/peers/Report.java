package vendaval.peers;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The lines of JSON that the benchmark reads from a peer. */
final class Report {
  private Report() {}

  /** How the peer and its Java are set, for the results. The texts must need no escaping. */
  static void settings(String... settings) {
    Stream<String> flags =
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(flag -> flag.startsWith("-X"));
    String java = "Java " + Runtime.version().feature();
    String list =
        Stream.of(Arrays.stream(settings), Stream.of(java), flags)
            .flatMap(texts -> texts)
            .map(text -> '"' + text + '"')
            .collect(Collectors.joining(","));
    System.out.println("{\"code\":\"settings\",\"settings\":[" + list + "]}");
  }

  static void done(long readingNanos, long dropped) {
    System.out.printf(
        Locale.ROOT,
        "{\"code\":\"done\",\"readingMs\":%.3f,\"dropped\":%d}%n",
        readingNanos / 1e6,
        dropped);
  }
}
