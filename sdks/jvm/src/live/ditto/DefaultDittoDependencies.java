package live.ditto;

import java.io.File;

/** A folder. */
public final class DefaultDittoDependencies implements DittoDependencies {
    private final File directory;

    /** This one. */
    public DefaultDittoDependencies(File directory) {
        this.directory = directory;
    }

    @Override
    public File persistenceDirectory() {
        return directory;
    }
}
