package live.ditto;

import java.util.List;

/** Writes that are committed together, or not at all. */
public final class DittoWriteTransaction {
    private final Target target;
    private final List<DittoWriteTransactionResult> results;

    DittoWriteTransaction(Target target, List<DittoWriteTransactionResult> results) {
        this.target = target;
        this.results = results;
    }

    /** A collection in it. */
    public DittoScopedWriteTransaction scoped(String name) {
        return new DittoScopedWriteTransaction(target.scoped(name), results);
    }

    /** The same, as Kotlin writes {@code transaction["people"]}. */
    public DittoScopedWriteTransaction get(String name) {
        return scoped(name);
    }
}
