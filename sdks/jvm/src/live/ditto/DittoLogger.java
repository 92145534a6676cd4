package live.ditto;

import java.util.function.BiConsumer;

/** Prints what apps log, on stderr. The library says nothing by itself: what goes wrong is an error. */
public final class DittoLogger {
    private static volatile boolean isEnabled = true;
    private static volatile DittoLogLevel minimumLogLevel = DittoLogLevel.INFO;
    private static volatile BiConsumer<DittoLogLevel, String> callback;

    private DittoLogger() {
    }

    /** Whether it prints. */
    public static void setEnabled(boolean enabled) {
        isEnabled = enabled;
    }

    /** What it prints at most. */
    public static void setMinimumLogLevel(DittoLogLevel level) {
        minimumLogLevel = level;
    }

    /** Who is told in place of stderr; null for that. */
    public static void setCustomLogCallback(BiConsumer<DittoLogLevel, String> told) {
        callback = told;
    }

    /** Logs a line. */
    public static void log(DittoLogLevel level, String message) {
        if (!isEnabled || level.compareTo(minimumLogLevel) > 0) {
            return;
        }
        BiConsumer<DittoLogLevel, String> told = callback;
        if (told == null) {
            System.err.println(message);
        } else {
            told.accept(level, message);
        }
    }

    /** Logs what failed. */
    public static void error(String message) {
        log(DittoLogLevel.ERROR, message);
    }

    /** Logs what may fail. */
    public static void warning(String message) {
        log(DittoLogLevel.WARNING, message);
    }

    /** Logs what happens. */
    public static void info(String message) {
        log(DittoLogLevel.INFO, message);
    }

    /** Logs more of it. */
    public static void debug(String message) {
        log(DittoLogLevel.DEBUG, message);
    }

    /** Logs all of it. */
    public static void verbose(String message) {
        log(DittoLogLevel.VERBOSE, message);
    }
}
