import com.headwater.Config;
import com.headwater.Headwater;
import com.headwater.HeadwaterException;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * Waits until the server has everything that was written in a folder, and prints the last transaction that it became:
 * {@code java -cp headwater.jar Flush.java FOLDER SERVER}.
 */
public final class Flush {
    private Flush() {
    }

    public static void main(String[] arguments) {
        if (arguments.length != 2) {
            System.err.println("usage: Flush FOLDER SERVER, as in: Flush till-7 http://localhost:8080");
            System.exit(2);
        }
        try (Headwater headwater = Headwater.open(new Config(arguments[0]).server(arguments[1]))) {
            headwater.startSync();
            OptionalLong txn = headwater.sync().flushed(Duration.ofSeconds(60));
            txn.ifPresent(System.out::println);
        } catch (HeadwaterException error) {
            System.err.println("flush: " + error.getMessage());
            System.exit(1);
        }
    }
}
