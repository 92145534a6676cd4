package com.headwater.internal;

import com.headwater.HeadwaterException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/**
 * The functions of the native library, and how it is loaded.
 *
 * <p>Invariants: it is loaded once, before the first peer is opened; a library that is missing, or of another list of
 * calls, is the error {@code unsupported}, which names the file.
 * Not here: what messages say.
 */
final class Native {
    /** Which list of calls this jar knows ({@code sdks/calls.json}). */
    static final int ABI = 1;

    /** The system property that names the library's file, in place of the one in the jar. */
    private static final String PROPERTY = "headwater.library";

    private static HeadwaterException failed;
    private static boolean isLoaded;

    private Native() {
    }

    static native int abi();

    static native byte[] open(byte[] config, long[] peer, Callbacks callbacks);

    static native byte[] call(long peer, byte[] request);

    static native boolean callLater(long peer, long number, byte[] request);

    static native byte[] subscribe(long peer, long number, byte[] request, long[] watch);

    static native void unsubscribe(long peer, long watch);

    static native void close(long peer);

    /**
     * Loads the library, unless it is.
     *
     * @throws HeadwaterException {@code unsupported}: it cannot be
     */
    static synchronized void load() {
        if (isLoaded) {
            return;
        }
        if (failed == null) {
            try {
                loadNow();
                isLoaded = true;
                return;
            } catch (HeadwaterException error) {
                failed = error;
            }
        }
        throw new HeadwaterException(failed.code(), failed.getMessage(), failed);
    }

    private static void loadNow() {
        String named = System.getProperty(PROPERTY);
        String file = named != null ? named : resource();
        try {
            if (named != null) {
                System.load(Path.of(named).toAbsolutePath().toString());
            } else {
                loadFromJar(file);
            }
            int abi = abi();
            if (abi != ABI) {
                throw unsupported(file + " has list " + abi + " of calls, and this jar list " + ABI, null);
            }
        } catch (UnsatisfiedLinkError | IOException error) {
            throw unsupported("the native library " + file + " cannot be loaded: " + error.getMessage(), error);
        }
    }

    /** Where the jar has the library of this machine. */
    private static String resource() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String machine = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        String processor = machine.equals("amd64") || machine.equals("x86_64") ? "x86_64" : machine;
        String name = system.startsWith("mac") ? "macos" : system.startsWith("windows") ? "windows" : "linux";
        return "/native/" + name + "-" + processor + "/" + System.mapLibraryName("headwater_jni");
    }

    /** A library is a file of its own: it is put into a temporary folder, and taken away once it is loaded. */
    private static void loadFromJar(String resource) throws IOException {
        try (InputStream library = Native.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw unsupported("this jar has no " + resource + ": name a file by -D" + PROPERTY, null);
            }
            Path folder = Files.createTempDirectory("headwater");
            Path file = folder.resolve(System.mapLibraryName("headwater_jni"));
            try {
                Files.copy(library, file, StandardCopyOption.REPLACE_EXISTING);
                System.load(file.toString());
            } finally {
                if (!file.toFile().delete() | !folder.toFile().delete()) { // Windows keeps what is loaded
                    folder.toFile().deleteOnExit();
                    file.toFile().deleteOnExit();
                }
            }
        }
    }

    private static HeadwaterException unsupported(String message, Throwable cause) {
        return new HeadwaterException(com.headwater.Codes.UNSUPPORTED, message, cause);
    }
}
