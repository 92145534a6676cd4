package com.headwater.internal;

import com.headwater.HeadwaterException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** A script of a vector that is under way. */
final class Script {
    /** How long an event is waited for, and what {@code until} asks for. */
    private static final long WAIT_SECONDS = 20;
    private static final long UNTIL_PAUSE_MS = 5;

    private final Path dir;
    private final Map<String, Watched> watches = new HashMap<>();
    private Names names = new Names();
    private Port port;

    Script(Path dir) {
        this.dir = dir;
    }

    static void run(Map<String, Object> vector, Path dir) throws InterruptedException {
        Script script = new Script(dir);
        script.open(JsonReader.object(vector.get("config")));
        try {
            int number = 0;
            for (Object step : JsonReader.list(vector.get("steps"))) {
                number++;
                try {
                    script.step(JsonReader.object(step));
                } catch (RuntimeException fault) {
                    throw new IllegalStateException("step " + number + ", " + Json.write(step) + ": " + fault.getMessage());
                }
            }
            for (Watched watched : script.watches.values()) {
                watched.end();
            }
        } finally {
            script.port.close();
        }
    }

    private void open(Map<String, Object> config) {
        port = openPort(dir, config);
    }

    static Port openPort(Path dir, Map<String, Object> config) {
        Map<String, Object> message = new HashMap<>(Map.of("abi", 1, "dir", dir.toString()));
        message.putAll(config == null ? Map.of() : config);
        return Port.open(message, HeadwaterException::new);
    }

    private void step(Map<String, Object> step) throws InterruptedException {
        if (step.containsKey("call")) {
            names.compare(step.get("gives"), call(step.get("call")));
        } else if (step.containsKey("until")) {
            until(step);
        } else if (step.containsKey("watch")) {
            watch(step);
        } else if (step.containsKey("of")) {
            names.compare(step.get("event"), watches.get(step.get("of")).next());
        } else if (step.containsKey("unwatch")) {
            watches.remove(step.get("unwatch")).end();
        } else if (step.containsKey("close")) {
            port.close();
        } else if (step.containsKey("open")) {
            names.compare(step.get("gives"), answer(() -> {
                open(JsonReader.object(step.get("open")));
                return Map.of();
            }));
        } else {
            throw new IllegalStateException("it is no step");
        }
    }

    private Object call(Object request) {
        Map<String, Object> message = JsonReader.object(names.fill(request));
        return answer(() -> port.call(message));
    }

    /** What is given, or the error. */
    static Map<String, Object> answer(Supplier<Map<String, Object>> ask) {
        try {
            return ask.get();
        } catch (HeadwaterException error) {
            return error(error);
        }
    }

    private static Map<String, Object> error(HeadwaterException error) {
        return Map.of("error", Map.of("code", error.code(), "message", error.getMessage()));
    }

    private void until(Map<String, Object> step) throws InterruptedException {
        long ends = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        for (;;) {
            Names trying = names.copy();
            try {
                trying.compare(step.get("gives"), call(step.get("until")));
                names = trying;
                return;
            } catch (IllegalStateException fault) {
                if (System.nanoTime() > ends) {
                    throw fault;
                }
            }
            Thread.sleep(UNTIL_PAUSE_MS);
        }
    }

    private void watch(Map<String, Object> step) throws InterruptedException {
        Watched watched = new Watched();
        Message request = Message.of(JsonReader.object(names.fill(step.get("watch"))));
        Map<String, Object> answer = answer(() -> {
            watched.watch = port.watch(request, true, watched.events::add, error -> watched.events.add(error(error)));
            return Map.of();
        });
        if (step.containsKey("gives")) {
            names.compare(step.get("gives"), answer.containsKey("error") ? answer : watched.next());
            watched.cancel();
            return;
        }
        names.compare(Map.of(), answer);
        watches.put((String) step.get("as"), watched);
        if (step.containsKey("event")) {
            names.compare(step.get("event"), watched.next());
        }
    }

    /** What a watch told. */
    private static final class Watched {
        private final BlockingQueue<Map<String, Object>> events = new LinkedBlockingQueue<>();
        private Port.Watch watch;
        private Object last;

        /** The next event that is another than the one before. */
        private Object next() throws InterruptedException {
            for (;;) {
                Map<String, Object> event = events.poll(WAIT_SECONDS, TimeUnit.SECONDS);
                Names.check(event != null, "no event came");
                boolean isNew = !event.equals(last);
                last = event;
                if (isNew) {
                    return event;
                }
            }
        }

        private void cancel() {
            if (watch != null) {
                watch.cancel();
            }
        }

        private void end() {
            cancel();
            for (Map<String, Object> event : events) {
                Names.check(event.equals(last), Json.write(event) + " came, which nobody expects");
            }
        }
    }
}
