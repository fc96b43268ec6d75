package io.m3j.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.Checksum;
import io.m3j.core.DurableFiles;
import io.m3j.core.DurableFiles.DirectoryContent;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The checkpoints of a run: directories {@code step-0000000100}, each complete or not there.
 *
 * <p>A checkpoint is written beside its place; its manifest lists size and CRC-32C of every file; when
 * all is forced to the disk, the directory gets its name. One whose manifest is missing
 * or does not agree with its files, such as after a fault of the disk, is passed over, and said so.
 */
final class CheckpointStore {

    static final String MANIFEST = "manifest.json";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern NAME = Pattern.compile("step-(\\d{10,18})");

    private final Path directory;

    /** A checkpoint on the disk. */
    record Stored(long step, Path directory) {}

    /**
     * @param directory of all checkpoints; made with the first of them, cleared of what was not finished
     */
    CheckpointStore(Path directory) {
        this.directory = directory;
        try {
            for (Path path : list(directory)) {
                if (path.getFileName().toString().startsWith(DurableFiles.UNFINISHED)) {
                    DurableFiles.deleteTree(path);
                }
            }
        } catch (IOException e) {
            throw failed(directory, e);
        }
    }

    /** Writes a checkpoint; one of the same step, which must have been passed over, is replaced. */
    Stored write(long step, DirectoryContent content) {
        Path place = place(step);
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw failed(directory, e);
        }
        DurableFiles.publish(
                place,
                beside -> {
                    content.writeTo(beside);
                    writeManifest(step, beside);
                });
        return new Stored(step, place);
    }

    private static void writeManifest(long step, Path beside) throws IOException {
        ObjectNode files = JSON.createObjectNode();
        for (Path file : list(beside)) {
            files.putObject(file.getFileName().toString())
                    .put("bytes", Files.size(file))
                    .put("crc32c", new Checksum().add(file).digits());
        }
        ObjectNode manifest = JSON.createObjectNode().put("step", step);
        manifest.set("files", files);
        Files.write(beside.resolve(MANIFEST), pretty(manifest));
    }

    /**
     * Finds the newest checkpoint that is what its manifest says.
     *
     * @param said takes a sentence on each one that was passed over
     */
    Optional<Stored> newest(Consumer<String> said) {
        for (Stored stored : all()) {
            Optional<String> fault = fault(stored);
            if (fault.isEmpty()) {
                return Optional.of(stored);
            }
            said.accept(stored.directory() + " is passed over: " + fault.get());
        }
        return Optional.empty();
    }

    /** Keeps the newest ones and one more, if it is there. */
    void keep(int count, long pinned) {
        try {
            for (Stored old : all().stream().skip(count).toList()) {
                if (old.step() != pinned) {
                    DurableFiles.discard(old.directory());
                }
            }
        } catch (IOException e) {
            throw failed(directory, e);
        }
    }

    /**
     * @param step whose checkpoint must be there
     * @return it
     * @throws M3Exception if it is not what its manifest says
     */
    Stored require(long step) {
        Stored stored = new Stored(step, place(step));
        fault(stored)
                .ifPresent(
                        fault -> {
                            throw new M3Exception(
                                    stored.directory()
                                            + ": "
                                            + fault
                                            + "; put back a copy of it, or begin a new run");
                        });
        return stored;
    }

    /** Where the checkpoint of a step is, or would be. */
    Path place(long step) {
        return directory.resolve(name(step));
    }

    /** What is wrong with a checkpoint; empty if nothing is. */
    static Optional<String> fault(Stored stored) {
        try {
            Path file = stored.directory().resolve(MANIFEST);
            if (!Files.isRegularFile(file)) {
                return Optional.of("it has no " + MANIFEST);
            }
            JsonNode manifest = JSON.readTree(Files.readAllBytes(file));
            JsonNode files = manifest.path("files");
            if (manifest.path("step").asLong(-1) != stored.step() || files.isEmpty()) {
                return Optional.of(MANIFEST + " is not that of step " + stored.step());
            }
            Map<String, JsonNode> sorted = new TreeMap<>();
            for (Iterator<String> names = files.fieldNames(); names.hasNext(); ) {
                String name = names.next();
                sorted.put(name, files.get(name));
            }
            for (Map.Entry<String, JsonNode> entry : sorted.entrySet()) {
                Optional<String> fault =
                        fault(
                                stored.directory().resolve(entry.getKey()),
                                entry.getKey(),
                                entry.getValue());
                if (fault.isPresent()) {
                    return fault;
                }
            }
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(e.toString());
        }
    }

    private static Optional<String> fault(Path file, String name, JsonNode expected)
            throws IOException {
        if (!Files.isRegularFile(file)) {
            return Optional.of(name + " is missing");
        }
        long bytes = expected.path("bytes").asLong(-1);
        if (Files.size(file) != bytes) {
            return Optional.of(
                    name + " should have " + bytes + " bytes, found " + Files.size(file));
        }
        String found = new Checksum().add(file).digits();
        String checksum = expected.path("crc32c").asText();
        return found.equals(checksum)
                ? Optional.empty()
                : Optional.of(name + " should have CRC-32C " + checksum + ", found " + found);
    }

    /** All that have the name of one, newest first. */
    private List<Stored> all() {
        try {
            List<Stored> stored = new ArrayList<>();
            for (Path path : list(directory)) {
                var name = NAME.matcher(path.getFileName().toString());
                if (name.matches() && Files.isDirectory(path)) {
                    stored.add(new Stored(Long.parseLong(name.group(1)), path));
                }
            }
            stored.sort(Comparator.comparingLong(Stored::step).reversed());
            return stored;
        } catch (IOException e) {
            throw failed(directory, e);
        }
    }

    private static String name(long step) {
        return String.format(Locale.ROOT, "step-%010d", step);
    }

    private static List<Path> list(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return List.of();
        }
        try (Stream<Path> paths = Files.list(directory)) {
            return paths.sorted().toList();
        }
    }

    static byte[] pretty(JsonNode node) throws IOException {
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(node);
    }

    private static M3Exception failed(Path path, IOException e) {
        return new M3Exception(path + ": cannot be written or read: " + e, e);
    }
}
