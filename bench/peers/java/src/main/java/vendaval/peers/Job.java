package vendaval.peers;

/** What a peer is told on its command line. */
record Job(String brokers, String topic, long sales, String mongoUrl, String database) {
  static Job of(String[] args) {
    return new Job(args[0], args[1], Long.parseLong(args[2]), args[3], args[4]);
  }
}
