package com.headwater.internal;

import static com.headwater.internal.Tests.check;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The names that {@code sdks/jvm/names.json} promises are there. */
public final class NamesTest {
    private static final List<String> OURS = List.of("com.headwater.", "com.headwater.MutableDocument$");
    private static final List<String> COMPAT = List.of("live.ditto.");

    private NamesTest() {
    }

    public static void everyNameIsThere() throws IOException {
        int names = 0;
        for (Object row : JsonReader.list(JsonReader.read(Files.readString(Path.of("sdks/jvm/names.json"))))) {
            Map<String, Object> name = JsonReader.object(row);
            names += look((String) name.get("ours"), OURS) + look((String) name.get("compat"), COMPAT);
        }
        check(names > 60, "only " + names + " names");
    }

    private static int look(String name, List<String> packages) {
        if (name == null) {
            return 0;
        }
        String[] parts = name.split("\\.");
        Class<?> found = find(parts[0], packages);
        check(found != null && isThere(found, parts[1]), "there is no " + name);
        return 1;
    }

    private static Class<?> find(String name, List<String> packages) {
        for (String it : packages) {
            try {
                return Class.forName(it + name);
            } catch (ClassNotFoundException elsewhere) {
                // It is in the next, or nowhere.
            }
        }
        return null;
    }

    private static boolean isThere(Class<?> found, String name) {
        if (name.equals("constructor")) {
            return found.getConstructors().length > 0;
        }
        return Arrays.stream(found.getMethods()).filter(it -> Modifier.isPublic(it.getModifiers()))
                .map(Method::getName).anyMatch(name::equals);
    }
}
