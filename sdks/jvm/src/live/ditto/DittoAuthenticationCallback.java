package live.ditto;

/** Who logs in. */
@FunctionalInterface
public interface DittoAuthenticationCallback {
    /** The server does not take the token, or there is none: {@link DittoAuthenticator#login} is to be called. */
    void authenticationRequired(DittoAuthenticator authenticator);

    /** The token ends in so many seconds; unless it is said otherwise, this is as {@link #authenticationRequired}. */
    default void authenticationExpiringSoon(DittoAuthenticator authenticator, long secondsRemaining) {
        authenticationRequired(authenticator);
    }
}
