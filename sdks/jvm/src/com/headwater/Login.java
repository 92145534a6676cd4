package com.headwater;

import java.time.Instant;
import java.util.Map;

/** A user who has logged in. */
public final class Login {
    private final String userId;
    private final Instant expires;

    Login(Map<String, Object> answer) {
        userId = (String) answer.get("userId");
        expires = Instant.parse((String) answer.get("expires"));
    }

    /** Who it is, as the app's login hook says. */
    public String userId() {
        return userId;
    }

    /** When the server's token ends. */
    public Instant expires() {
        return expires;
    }
}
