package live.ditto;

/** Who is asked for a key of the server. */
@FunctionalInterface
public interface DittoAuthenticationCallback {
    /** A key is wanted: {@link DittoAuthenticator#login} gives one. */
    void authenticationRequired(DittoAuthenticator authenticator);

    /** The vendor's; not called, since {@link #authenticationRequired} is, a minute before a key ends. */
    default void authenticationExpiringSoon(DittoAuthenticator authenticator, long secondsRemaining) {
    }
}
