package vendaval.peers;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.ReplaceOneModel;
import com.mongodb.client.model.ReplaceOptions;
import com.mongodb.client.model.WriteModel;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import org.bson.Document;

/** Upserts totals, in one unordered bulk, into the collection and fields that the engine uses. */
final class TotalsWriter implements AutoCloseable {
  private static final BulkWriteOptions UNORDERED = new BulkWriteOptions().ordered(false);
  private static final ReplaceOptions UPSERT = new ReplaceOptions().upsert(true);

  private final MongoClient client;
  private final MongoCollection<Document> collection;

  TotalsWriter(String url, String database) {
    client = MongoClients.create(url);
    collection = client.getDatabase(database).getCollection("faturamento_tempo_real");
  }

  void write(Collection<Total> totals) {
    if (totals.isEmpty()) return;
    List<WriteModel<Document>> upserts = totals.stream().map(TotalsWriter::upsert).toList();
    collection.bulkWrite(upserts, UNORDERED);
  }

  private static WriteModel<Document> upsert(Total total) {
    String id = Instant.ofEpochMilli(total.windowMs) + "|" + total.categoria + "|" + total.share;
    Document document =
        new Document("_id", id)
            .append("janela_inicio", new Date(total.windowMs))
            .append("categoria", total.categoria)
            .append("faturamento_total", total.centavos / 100.0)
            .append("volume_vendas", total.count);
    return new ReplaceOneModel<>(new Document("_id", id), document, UPSERT);
  }

  @Override
  public void close() {
    client.close();
  }
}
