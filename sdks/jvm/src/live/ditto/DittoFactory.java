package live.ditto;

/** Opens peers. */
public final class DittoFactory {
    private DittoFactory() {
    }

    /**
     * Opens a peer.
     *
     * @throws DittoError it cannot be opened
     */
    public static Ditto create(DittoConfig config) {
        return new Ditto(config);
    }
}
