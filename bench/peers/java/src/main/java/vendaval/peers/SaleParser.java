package vendaval.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.time.LocalDate;

/**
 * Reads a sale with Jackson's streaming parser: no tree, no object per sale, and no date library
 * but once a day. Its fields hold the last sale. For one thread.
 */
final class SaleParser {
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).build();

  String categoria;
  long centavos;
  long eventMs;

  private int lastDay = -1;
  private long lastDayMs;

  void parse(byte[] json) throws IOException {
    try (JsonParser parser = JSON.createParser(json)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "categoria" -> categoria = parser.getText();
          case "valor" -> centavos = Math.round(parser.getDoubleValue() * 100);
          case "timestamp" -> eventMs = epochMs(parser.getTextCharacters(), parser.getTextOffset());
          default -> parser.skipChildren();
        }
      }
    }
  }

  /** Of YYYY-MM-DDTHH:MM:SS in UTC. */
  private long epochMs(char[] text, int at) {
    int year = two(text, at) * 100 + two(text, at + 2);
    int day = (year * 100 + two(text, at + 5)) * 100 + two(text, at + 8);
    if (day != lastDay) {
      LocalDate date = LocalDate.of(year, two(text, at + 5), two(text, at + 8));
      lastDayMs = date.toEpochDay() * 86_400_000;
      lastDay = day;
    }
    int seconds = (two(text, at + 11) * 60 + two(text, at + 14)) * 60 + two(text, at + 17);
    return lastDayMs + seconds * 1000L;
  }

  private static int two(char[] text, int at) {
    return (text[at] - '0') * 10 + (text[at + 1] - '0');
  }
}
