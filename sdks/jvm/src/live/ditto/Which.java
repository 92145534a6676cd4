package live.ditto;

import com.headwater.internal.Message;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Documents that are meant by a condition, in which order and how many. It never changes. */
final class Which {
    final Target target;
    private final String query;
    private final Map<String, ?> args;
    private final Map<String, Object> shape;

    Which(Target target, String query, Map<String, ?> args, Map<String, Object> shape) {
        this.target = target;
        this.query = query;
        this.args = args;
        this.shape = shape;
    }

    Which sorted(String path, DittoSortDirection direction) {
        List<Object> sort = new ArrayList<>((List<?>) shape.getOrDefault("sort", List.of()));
        sort.add(Map.of("path", path, "descending", direction == DittoSortDirection.Descending));
        return with("sort", sort);
    }

    Which with(String name, Object value) {
        Map<String, Object> newer = new HashMap<>(shape);
        newer.put(name, value);
        return new Which(target, query, args, newer);
    }

    /** The condition alone. */
    Map<String, Object> matching() {
        return Message.of(Map.of("query", query)).with("args", args).fields();
    }

    /** The condition, order and numbers. */
    Map<String, Object> all() {
        return Message.of(matching()).with(shape).fields();
    }

    /** The watch of the documents. */
    Message watch() {
        return Message.watch("find").with("collection", target.collection).with(all());
    }
}
