package com.headwater.internal;

import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The driver of the conformance vectors for Java ({@code sdks/conformance/README.md}): {@code Vectors FOLDER [SERVER]}.
 *
 * <p>Invariants: what is not run is counted as not run; a case that throws has failed, and the others go on.
 */
public final class Vectors {
    /** So many files at a time: most of a case is waiting for a disk, or for a server. */
    private static final int THREADS = 4;

    private final Path scratch;
    private final String server;
    private final AtomicInteger folders = new AtomicInteger();

    private Vectors(Path scratch, String server) {
        this.scratch = scratch;
        this.server = server;
    }

    /** What came of a group. */
    private static final class Group {
        private int passed;
        private final List<String> failed = new ArrayList<>();
        private final Map<String, Integer> notRun = new LinkedHashMap<>();

        private void notRun(String what, int count) {
            notRun.merge(what, count, Integer::sum);
        }

        private void add(Group other) {
            passed += other.passed;
            failed.addAll(other.failed);
            other.notRun.forEach(this::notRun);
        }
    }

    /** Does a case. */
    private interface Kind {
        void run(Map<String, Object> vector, Port shared, String place) throws IOException, InterruptedException;
    }

    public static void main(String[] arguments) throws IOException, ExecutionException, InterruptedException {
        Path scratch = Files.createTempDirectory("headwater-vectors");
        int failed;
        try {
            failed = new Vectors(scratch, arguments.length > 1 ? arguments[1] : null).runAll(Path.of(arguments[0]));
        } finally {
            Tests.delete(scratch);
        }
        System.exit(failed == 0 ? 0 : 1);
    }

    private int runAll(Path vectors) throws IOException, ExecutionException, InterruptedException {
        Map<String, Group> groups = new TreeMap<>();
        List<Path> files;
        try (Stream<Path> all = Files.walk(vectors)) {
            files = all.filter(it -> it.toString().endsWith(".json")).sorted().collect(Collectors.toList());
        }
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        List<Future<Group>> running = new ArrayList<>();
        files.forEach(file -> running.add(threads.submit(() -> runFile(file))));
        threads.shutdown();
        for (int n = 0; n < files.size(); n++) {
            groups.computeIfAbsent(groupOf(files.get(n)), it -> new Group()).add(running.get(n).get());
        }
        int passed = 0;
        int failed = 0;
        for (Map.Entry<String, Group> it : groups.entrySet()) {
            Group group = it.getValue();
            group.failed.forEach(fault -> System.out.println("FAILED " + fault));
            System.out.println(it.getKey() + ": " + group.passed + " passed, " + group.failed.size() + " failed");
            group.notRun.forEach((what, count) ->
                    System.out.println(it.getKey() + ": " + count + " of " + what + " not run"));
            passed += group.passed;
            failed += group.failed.size();
        }
        System.out.println(passed + " passed, " + failed + " failed");
        return failed;
    }

    private static String groupOf(Path file) {
        return file.getParent().getFileName().toString();
    }

    private Group runFile(Path file) throws IOException {
        Group group = new Group();
        Map<String, Object> body = JsonReader.object(JsonReader.read(Files.readString(file)));
        List<Object> cases = JsonReader.list(body.get("cases"));
        String name = file.getFileName().toString().replace(".json", "");
        String kindName = (String) body.get("kind");
        Kind kind = kind(kindName);
        if (kind == null) {
            group.notRun(kindName, cases.size());
            return group;
        }
        boolean isShared = kindName.equals("messages") || kindName.equals("queries");
        Port shared = isShared ? openedFor(body) : null;
        for (int place = 0; place < cases.size(); place++) {
            Map<String, Object> vector = JsonReader.object(cases.get(place));
            try {
                kind.run(vector, shared, name + "-" + place);
                group.passed++;
            } catch (RuntimeException | IOException | InterruptedException fault) {
                group.failed.add(groupOf(file) + "/" + name + ": " + vector.get("name") + ": " + fault.getMessage());
            }
        }
        if (shared != null) {
            shared.close();
        }
        return group;
    }

    private Kind kind(String name) {
        boolean hasServer = server != null;
        switch (name) {
            case "messages":
                return (vector, port, place) -> runMessage(vector, port);
            case "queries":
                return (vector, port, place) -> new Names().compare(vector.get("gives"),
                        Script.answer(() -> port.call(JsonReader.object(vector.get("call")))));
            case "script":
                return (vector, port, place) -> Script.run(vector, newFolder());
            case "transcripts":
                return hasServer ? (vector, port, place) -> withServer(vector, place + "-" + nonce()) : null;
            case "merge":
                return hasServer ? (vector, port, place) -> runMerge(vector, place) : null;
            default:
                return null;
        }
    }

    private Path newFolder() {
        return scratch.resolve(String.valueOf(folders.getAndIncrement()));
    }

    private Port openedFor(Map<String, Object> body) {
        Port port = Script.openPort(newFolder(), JsonReader.object(body.get("config")));
        if (body.get("documents") != null) {
            JsonReader.object(body.get("documents")).forEach((collection, documents) ->
                    JsonReader.list(documents).forEach(value ->
                            port.call(Message.call("upsert").with("collection", collection).with("value", value))));
        }
        return port;
    }

    /** Messages in their bytes, and what can be an object as this SDK sends it, too. */
    private static void runMessage(Map<String, Object> vector, Port port) {
        Object refused = vector.get("refused");
        if (vector.get("json") != null) {
            byte[] answer = port.send(((String) vector.get("json")).getBytes(StandardCharsets.UTF_8));
            compareBytes(refused, ((String) vector.getOrDefault("gives_json", "")).getBytes(StandardCharsets.UTF_8), answer);
            if (refused == null) {
                Map<String, Object> message = JsonReader.object(JsonReader.read((String) vector.get("json")));
                new Names().compare(JsonReader.read((String) vector.get("gives_json")), port.call(message));
            }
        }
        if (vector.get("cbor") != null) {
            byte[] answer = port.send(hex((String) vector.get("cbor")));
            compareBytes(refused, hex((String) vector.getOrDefault("gives_cbor", "")), answer);
        }
    }

    private static void compareBytes(Object refused, byte[] expected, byte[] answer) {
        if (refused == null) {
            Names.check(Arrays.equals(expected, answer), "other bytes: " + new String(answer, StandardCharsets.UTF_8));
            return;
        }
        Object decoded = answer.length > 0 && answer[0] == '{'
                ? JsonReader.read(new String(answer, StandardCharsets.UTF_8)) : CborReader.decode(answer);
        new Names().compare(Map.of("error", Map.of("code", refused)), decoded);
    }

    private static byte[] hex(String digits) {
        if (digits.isEmpty()) {
            return new byte[0];
        }
        byte[] bytes = new BigInteger("01" + digits, 16).toByteArray();
        return Arrays.copyOfRange(bytes, 1, bytes.length);
    }

    private void runMerge(Map<String, Object> vector, String place) throws IOException, InterruptedException {
        Map<String, Object> document = null;
        if (vector.get("json") != null) {
            document = new LinkedHashMap<>(Map.of("_id", "x"));
            document.putAll(JsonReader.object(JsonReader.read((String) vector.get("json"))));
        }
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("document", document);
        List<Object> steps = List.of(
                Map.of("call", Map.of("call", "register_subscription", "collection", "c"), "gives", Map.of("subscription", 1L)),
                Map.of("call", Map.of("call", "start_sync"), "gives", Map.of()),
                Map.of("until", Map.of("call", "find_by_id", "collection", "c", "id", "end"),
                        "gives", Map.of("document", Map.of("_id", "end"))),
                Map.of("call", Map.of("call", "find_by_id", "collection", "c", "id", "x"), "gives", found));
        for (int order = 0; order < JsonReader.list(vector.get("orders")).size(); order++) {
            withServer(Map.of("steps", steps), "merge-" + place + "-" + order + "-" + nonce());
        }
    }

    /** What no other driver's app has in its name. */
    private static String nonce() {
        return UUID.randomUUID().toString().replace("-", "");
    }

    /** A script with the server of transcripts, which says in the end whether the peer said what it should. */
    private void withServer(Map<String, Object> vector, String app) throws IOException, InterruptedException {
        Map<String, Object> config = new LinkedHashMap<>();
        if (vector.get("config") != null) {
            config.putAll(JsonReader.object(vector.get("config")));
        }
        config.put("server", server);
        config.put("app", app);
        Map<String, Object> script = new LinkedHashMap<>(vector);
        script.put("config", config);
        String fault = "";
        try {
            Script.run(script, newFolder());
        } catch (RuntimeException thrown) {
            fault = "; " + thrown.getMessage();
        }
        String verdict;
        try (InputStream said = URI.create(server + "/" + app + "/verdict").toURL().openStream()) {
            verdict = new String(said.readAllBytes(), StandardCharsets.UTF_8);
        }
        Names.check(fault.isEmpty() && verdict.equals("passed"), "the server: " + verdict + fault);
    }
}
