package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Paths;
import com.headwater.internal.Port;
import com.headwater.internal.Transactions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * A collection that is read and written, in a transaction or not.
 *
 * <p>Invariant: what a function changes is one transaction.
 */
final class Target {
    final Port port;
    final String collection;
    final Long transaction;

    Target(Port port, String collection, Long transaction) {
        this.port = port;
        this.collection = collection;
        this.transaction = transaction;
    }

    Target scoped(String name) {
        return new Target(port, name, transaction);
    }

    Map<String, Object> call(String call, Map<String, Object> which) {
        return port.call(calling(call).with(which));
    }

    private Message calling(String call) {
        return Message.call(call).with("collection", collection).with("transaction", transaction);
    }

    DittoDocumentId upsert(Map<String, ?> value, DittoWriteStrategy strategy) {
        if (strategy == DittoWriteStrategy.Merge) {
            Map<String, Object> types = new LinkedHashMap<>();
            addTypes(value, "", types);
            Message request = calling("upsert").with("value", value);
            return new DittoDocumentId(port.call(request.with("types", types.isEmpty() ? null : types)).get("id"));
        }
        String name = "`" + collection.replace("`", "``") + "`";
        String statement = "INSERT INTO " + name + " " + strategy.documents + " (:value) " + strategy.conflict;
        Message request = Message.call("execute").with("statement", statement).with("args", Map.of("value", value));
        List<Object> mutated = Message.list(port.call(request.with("transaction", transaction)), "mutated");
        return new DittoDocumentId(mutated.isEmpty() ? value.get("_id") : mutated.get(0));
    }

    /** What kinds of fields a value says that it has: counters and registers. */
    private static void addTypes(Object value, String path, Map<String, Object> types) {
        if (value instanceof DittoCounter) {
            types.put(path, "counter");
        } else if (value instanceof DittoRegister) {
            types.put(path, "register");
        } else if (value instanceof Map && path.length() < 1024) {
            ((Map<?, ?>) value).forEach((name, it) -> addTypes(it, Paths.join(path, String.valueOf(name)), types));
        }
    }

    /** The documents that are meant by an id, or by a condition. */
    List<DittoDocument> find(Map<String, Object> which) {
        return rows(which).stream().map(DittoDocument::new).collect(Collectors.toList());
    }

    private List<Map<String, Object>> rows(Map<String, Object> which) {
        if (!which.containsKey("id")) {
            return Message.objects(call("find", which), "documents");
        }
        Map<String, Object> document = Message.object(call("find_by_id", which), "document");
        return document == null ? List.of() : List.of(document);
    }

    List<DittoDocumentId> ids(String call, Map<String, Object> which) {
        return Message.list(call(call, which), "ids").stream().map(DittoDocumentId::new).collect(Collectors.toList());
    }

    /** Has a function change documents: which changes were made, by documents. */
    Map<DittoDocumentId, List<DittoUpdateResult>> update(Map<String, Object> which,
            Consumer<List<DittoMutableDocument>> change) {
        if (transaction != null) {
            return updateNow(which, change);
        }
        return Transactions.run(port, number -> new Target(port, collection, number).updateNow(which, change)).value;
    }

    private Map<DittoDocumentId, List<DittoUpdateResult>> updateNow(Map<String, Object> which,
            Consumer<List<DittoMutableDocument>> change) {
        List<DittoMutableDocument> documents = new ArrayList<>();
        rows(which).forEach(row -> documents.add(new DittoMutableDocument(row)));
        change.accept(documents);
        Map<DittoDocumentId, List<DittoUpdateResult>> results = new LinkedHashMap<>();
        for (DittoMutableDocument document : documents) {
            if (!document.changes().isEmpty()) {
                port.call(calling("update").with("id", document.getId()).with("changes", document.changes()));
            }
            results.put(document.getId(), document.results());
        }
        return results;
    }
}
