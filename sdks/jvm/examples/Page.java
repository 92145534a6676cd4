import java.util.HashMap;
import java.util.Map;
import live.ditto.Ditto;
import live.ditto.DittoConfig;
import live.ditto.DittoDocumentId;
import live.ditto.DittoError;
import live.ditto.DittoFactory;

/**
 * The page's write, as a program: {@code java -cp headwater.jar Page.java FOLDER SERVER}.
 *
 * <p>It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program
 * that opens the folder. It ends when its input does.
 */
public final class Page {
    private Page() {
    }

    public static void main(String[] arguments) throws java.io.IOException {
        if (arguments.length != 2) {
            System.err.println("usage: Page FOLDER SERVER, as in: Page till-7 http://localhost:8080");
            System.exit(2);
        }
        DittoConfig config = new DittoConfig.Builder("").serverConnect(arguments[1])
                .persistenceDirectory(arguments[0]).build();
        try (Ditto ditto = DittoFactory.create(config)) {
            ditto.startSync();

            Map<String, Object> content = new HashMap<>();
            content.put("name", "Susan");
            content.put("age", 31);
            DittoDocumentId docId = ditto.store.collection("people").upsert(content);

            System.out.println(docId);
            System.in.transferTo(java.io.OutputStream.nullOutputStream());
        } catch (DittoError error) {
            System.err.println("page: " + error.getMessage());
            System.exit(1);
        }
    }
}
