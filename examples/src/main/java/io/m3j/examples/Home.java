package io.m3j.examples;

import io.m3j.core.M3Exception;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What comes with the command: a model, a picture, and a question about it. */
final class Home {

    /** Of {@link #picture}. */
    static final String QUESTION = "What does the sign say?";

    private Home() {}

    static Path model() {
        return existing(directory().resolve("models").resolve("m3j-tiny"), "--model DIR");
    }

    static Path picture() {
        return existing(directory().resolve("pictures").resolve("scene.png"), "--image FILE");
    }

    private static Path existing(Path path, String option) {
        if (!Files.exists(path)) {
            throw new M3Exception(
                    path + ": it should have come with m3 but is not there; give " + option);
        }
        return path;
    }

    /** The launcher says it; else the jar lies in {@code target}, two steps below. */
    private static Path directory() {
        String home = System.getProperty("m3.home");
        if (home != null) {
            return Path.of(home);
        }
        try {
            Path code =
                    Path.of(M3.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            return code.getParent().getParent();
        } catch (URISyntaxException e) {
            throw new IllegalStateException("the place of the jar is not a path", e);
        }
    }
}
