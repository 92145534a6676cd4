package live.ditto;

/** How much is logged. */
public enum DittoLogLevel {
    /** What failed. */
    ERROR,
    /** What may fail. */
    WARNING,
    /** What happens. */
    INFO,
    /** More of it. */
    DEBUG,
    /** All of it. */
    VERBOSE
}
