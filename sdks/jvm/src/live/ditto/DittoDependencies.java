package live.ditto;

import java.io.File;

/** What a peer needs of where it runs: a folder. */
public interface DittoDependencies {
    /** The folder of the peer. */
    File persistenceDirectory();
}
