import java.util.Arrays;
import java.util.List;
import java.util.Map;
import live.ditto.Ditto;
import live.ditto.DittoConfig;
import live.ditto.DittoError;
import live.ditto.DittoFactory;

/**
 * A user of an app logs in, as a program: {@code java -cp headwater.jar Login.java FOLDER SERVER PROVIDER TOKEN…}.
 *
 * <p>It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
 * again whenever it is asked to. It ends when its input does.
 */
public final class Login {
    private Login() {
    }

    public static void main(String[] arguments) throws java.io.IOException {
        if (arguments.length < 4) {
            System.err.println("usage: Login FOLDER SERVER PROVIDER TOKEN…, as in: Login till-7 http://localhost:8080 own secret");
            System.exit(2);
        }
        String provider = arguments[2];
        List<String> tokens = Arrays.asList(arguments).subList(3, arguments.length);
        DittoConfig config = new DittoConfig.Builder("").serverConnect(arguments[1])
                .persistenceDirectory(arguments[0]).build();
        try (Ditto ditto = DittoFactory.create(config)) {
            for (String token : tokens) {
                System.out.println(logIn(ditto, token, provider));
            }
            ditto.auth.setExpirationHandler((asking, secondsRemaining) ->
                    System.out.println("again: " + logIn(asking, tokens.get(tokens.size() - 1), provider)));
            ditto.startSync();
            System.out.println(ditto.store.collection("people").upsert(Map.of("name", "Susan")));
            System.in.transferTo(java.io.OutputStream.nullOutputStream());
        }
    }

    private static String logIn(Ditto ditto, String token, String provider) {
        try {
            ditto.auth.login(token, provider);
            return "logged in";
        } catch (DittoError error) {
            return error.code();
        }
    }
}
