package com.headwater;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A transaction in the making. Its reads see what it has written. */
public final class Transaction {
    private final Port port;
    private final long number;

    Transaction(Port port, long number) {
        this.port = port;
        this.number = number;
    }

    /** A collection in it. */
    public TransactionCollection collection(String name) {
        return new TransactionCollection(name);
    }

    /** Runs a statement of DQL: the rows of a SELECT, or what RETURNING says. */
    public List<Map<String, Object>> execute(String statement) {
        return execute(statement, null);
    }

    /** The same; {@code args}: what {@code :name} stands for. */
    public List<Map<String, Object>> execute(String statement, Map<String, ?> args) {
        Message request = Message.call("execute").with("statement", statement).with("args", args);
        return Message.objects(port.call(request.with("transaction", number)), "items");
    }

    /** A collection in a transaction. */
    public final class TransactionCollection {
        private final String name;

        private TransactionCollection(String name) {
            this.name = name;
        }

        /** Its name. */
        public String name() {
            return name;
        }

        /** As {@link Collection#upsert(Map)}: the document's id. */
        public Object upsert(Map<String, ?> value) {
            return upsert(value, null);
        }

        /** The same; {@code types}: what kind of field stands at some paths. */
        public Object upsert(Map<String, ?> value, Map<String, FieldType> types) {
            return port.call(calling("upsert").with("value", value).with("types", types)).get("id");
        }

        /** As {@link Collection#findById}. */
        public Map<String, Object> findById(Object id) {
            return Message.object(port.call(calling("find_by_id").with("id", id)), "document");
        }

        /** All documents. */
        public List<Map<String, Object>> find() {
            return find(null, null);
        }

        /** The documents that match a condition of the legacy query language. */
        public List<Map<String, Object>> find(String query, Map<String, ?> args) {
            return Message.objects(port.call(calling("find").with("query", query).with("args", args)), "documents");
        }

        /** As {@link Collection#update(Object, Change...)}: whether the document is there. */
        public boolean update(Object id, Change... changes) {
            return isWritten(calling("update").with("id", id).with("changes", List.of(changes)));
        }

        /** Has a function change a document, which is not called if there is none: whether it is there. */
        public boolean update(Object id, Consumer<MutableDocument> change) {
            Map<String, Object> found = findById(id);
            if (found == null) {
                return false;
            }
            MutableDocument document = new MutableDocument(found);
            change.accept(document);
            return document.changes().isEmpty()
                    || isWritten(calling("update").with("id", id).with("changes", document.changes()));
        }

        /** As {@link Collection#remove}: whether the document was there. */
        public boolean remove(Object id) {
            return isWritten(calling("remove").with("id", id));
        }

        private boolean isWritten(Message request) {
            return !Message.list(port.call(request), "ids").isEmpty();
        }

        private Message calling(String call) {
            return Message.call(call).with("collection", name).with("transaction", number);
        }
    }
}
