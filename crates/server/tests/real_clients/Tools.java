import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's own tools one after the other in one JVM, as their scripts do: each line of standard input is a class and
 * its arguments, with tabs between them. Prints for each the number of bytes that it printed, how it ended, and the bytes.
 */
public class Tools {
    /** Comes in the place of the process's end. Some tools catch it and print it: it says nothing. */
    static class Ended extends Error {
        Ended() {
            super("", null, false, false);
        }

        @Override
        public String toString() {
            return "";
        }
    }

    /** How the present tool ended, once it has: what comes later would not have come. */
    private static Integer ended;

    public static void main(String[] none) throws Exception {
        PrintStream out = System.out;
        // One stream for all of them: Scala's keeps the first that it sees.
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream recorder = new PrintStream(said, true, StandardCharsets.UTF_8);
        System.setOut(recorder);
        System.setErr(recorder);
        Exit.Procedure end = (status, message) -> {
            ended = ended == null ? status : ended;
            throw new Ended();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            int status = run(words[0], Arrays.copyOfRange(words, 1, words.length));
            recorder.flush();
            byte[] bytes = said.toByteArray();
            said.reset();
            out.println(bytes.length + " " + status);
            out.write(bytes);
            out.flush();
        }
    }

    private static int run(String name, String[] arguments) throws Exception {
        ended = null;
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException failure) {
            if (ended == null) {
                failure.getCause().printStackTrace();
                return 1;
            }
        }
        return ended == null ? 0 : ended;
    }
}
