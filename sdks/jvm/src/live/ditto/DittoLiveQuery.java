package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;

/** One who is told of documents, on the thread of callbacks. */
public final class DittoLiveQuery implements AutoCloseable {
    private final Port.Watch watch;
    private volatile boolean isStopped;

    private DittoLiveQuery(Port.Watch watch) {
        this.watch = watch;
    }

    /** One who says when it is to be told again. */
    @FunctionalInterface
    public interface PacedHandler {
        /** Is told of the documents; the next time comes after {@code signalNext} has run. */
        void update(List<DittoDocument> documents, DittoLiveQueryEvent event, Runnable signalNext);
    }

    static DittoLiveQuery observe(Which which, BiConsumer<List<DittoDocument>, DittoLiveQueryEvent> handler) {
        Telling telling = new Telling((documents, event, next) -> handler.accept(documents, event));
        return new DittoLiveQuery(
                which.target.port.watch(which.watch(), false, event -> telling.accept(event, () -> { }), null));
    }

    static DittoLiveQuery observePaced(Which which, PacedHandler handler) {
        return new DittoLiveQuery(which.target.port.watchPaced(which.watch(), new Telling(handler)));
    }

    /** Whether it was ended. */
    public boolean isStopped() {
        return isStopped;
    }

    /** Ends it: after this has returned its handler does not run, unless this is called within that. */
    @Override
    public void close() {
        isStopped = true;
        watch.cancel();
    }

    /** The same. */
    public void stop() {
        close();
    }

    /** What was told before, to say what is different. */
    private static final class Telling implements BiConsumer<Map<String, Object>, Runnable> {
        private final PacedHandler handler;
        private List<Map<String, Object>> before;

        private Telling(PacedHandler handler) {
            this.handler = handler;
        }

        @Override
        public void accept(Map<String, Object> event, Runnable next) {
            List<Map<String, Object>> rows = Message.objects(event, "documents");
            DittoLiveQueryEvent difference = DittoLiveQueryEvent.between(before, rows);
            before = rows;
            handler.update(rows.stream().map(DittoDocument::new).collect(Collectors.toList()), difference, next);
        }
    }
}
