package io.m3j.llm;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Copies of golden checkpoints that a test may change. */
final class TestCheckpoint {

    private static final ObjectMapper JSON = new ObjectMapper();

    private TestCheckpoint() {}

    /**
     * A copy whose weights are links to the golden ones.
     *
     * @param checkpoint the golden checkpoint's name
     * @param parent where to put it
     * @param name of the copy
     * @return the copy's directory
     */
    static Path link(String checkpoint, Path parent, String name) throws IOException {
        Path directory = Files.createDirectories(parent.resolve(name));
        try (Stream<Path> files = Files.list(Golden.checkpoint(checkpoint))) {
            for (Path file : files.toList()) {
                Path copy = directory.resolve(file.getFileName());
                if (file.toString().endsWith(".json")) {
                    Files.copy(file, copy);
                } else {
                    try {
                        Files.createLink(copy, file);
                    } catch (IOException | UnsupportedOperationException e) {
                        Files.copy(file, copy);
                    }
                }
            }
        }
        edit(
                directory,
                config -> {
                    // Golden configurations name it relative to their own place.
                    String tower = config.path("mm_vision_tower").asText();
                    if (tower.startsWith("../")) {
                        Path golden = Golden.checkpoint(tower.substring(3)).toAbsolutePath();
                        config.put("mm_vision_tower", golden.toString());
                    }
                });
        return directory;
    }

    /** Changes config.json. */
    static void edit(Path directory, Consumer<ObjectNode> change) throws IOException {
        Path file = directory.resolve("config.json");
        ObjectNode config = (ObjectNode) JSON.readTree(Files.readAllBytes(file));
        change.accept(config);
        Files.write(file, JSON.writeValueAsBytes(config));
    }
}
