package io.m3j.core.golden;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The golden fixtures: inputs and outputs of the reference implementations, as files.
 *
 * <p>The resources hold one pack for each top-level directory ({@code ckpt}, {@code golden}, {@code
 * images}, {@code text}; see the README beside them). The first request for a file restores its
 * whole pack below {@code target/}, where later test runs find it again. The files are shared by
 * all tests: read them, never write them; a test that needs a changed file copies it first.
 */
public final class Golden {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Path> RESTORED = new ConcurrentHashMap<>();

    private Golden() {}

    /**
     * A golden file or directory.
     *
     * @param relative its path in the golden tree with forward slashes, such as {@code
     *     golden/m3.json} or {@code text/prompts/prompts.jsonl}
     * @return the restored file, checked by its SHA-256
     * @throws IllegalArgumentException if the fixtures have no such file
     * @throws IllegalStateException if its pack is damaged
     */
    public static Path file(String relative) {
        String area = relative.split("/", 2)[0];
        Path tree = RESTORED.computeIfAbsent(area, Golden::restore).getParent();
        Path file = tree.resolve(relative);
        if (!Files.exists(file)) {
            throw new IllegalArgumentException("the golden fixtures have no " + relative);
        }
        return file;
    }

    /**
     * A checkpoint's directory; the other checkpoints are its siblings, so that a configuration's
     * {@code ../clip-vision} works.
     *
     * @param name such as {@code llava-m3}
     * @return the directory
     */
    public static Path checkpoint(String name) {
        return file("ckpt/" + name);
    }

    /**
     * A test picture.
     *
     * @param name such as {@code land_640x480.png}
     * @return the file
     */
    public static Path image(String name) {
        return file("images/" + name);
    }

    /**
     * A JSON file as a tree.
     *
     * @param relative as in {@link #file}
     * @return its root
     */
    public static JsonNode json(String relative) {
        try {
            return JSON.readTree(file(relative).toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(relative, e);
        }
    }

    /**
     * A file of one JSON value a line.
     *
     * @param relative as in {@link #file}
     * @return the values in the file's order
     */
    public static List<JsonNode> jsonLines(String relative) {
        List<JsonNode> values = new ArrayList<>();
        try (BufferedReader lines = Files.newBufferedReader(file(relative))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                values.add(JSON.readTree(line));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(relative, e);
        }
        return values;
    }

    /**
     * A safetensors file of the golden tree.
     *
     * @param relative as in {@link #file}, such as {@code golden/m3_A.safetensors}
     * @return its tensors
     */
    public static GoldenTensors tensors(String relative) {
        return GoldenTensors.open(file(relative));
    }

    private static Path restore(String area) {
        String resource = area + ".zip";
        try (InputStream stream = Golden.class.getResourceAsStream("/golden/" + resource)) {
            if (stream == null) {
                throw new IllegalArgumentException(
                        "no pack golden/" + resource + " on the class path");
            }
            return GoldenPack.read(resource, stream.readAllBytes()).restore(home()).resolve(area);
        } catch (IOException e) {
            throw new UncheckedIOException(resource, e);
        }
    }

    /** Maven runs the tests in the module's directory; elsewhere there may be no target. */
    private static Path home() {
        Path target = Path.of("target").toAbsolutePath();
        if (Files.isDirectory(target)) {
            return target.resolve("m3j-golden");
        }
        // One directory for each user: another's files could be neither mended nor trusted.
        return Path.of(System.getProperty("java.io.tmpdir"))
                .resolve("m3j-golden-" + System.getProperty("user.name"));
    }
}
