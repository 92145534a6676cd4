package live.ditto;

/** Which comes first. */
public enum DittoSortDirection {
    /** The smallest. */
    Ascending,
    /** The greatest. */
    Descending
}
