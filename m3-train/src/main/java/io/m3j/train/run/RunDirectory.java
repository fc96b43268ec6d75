package io.m3j.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.DurableFiles;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The directory of a run, held by one process at a time.
 *
 * <p>It holds {@code recipe.json}, {@code provenance.json}, {@code metrics.jsonl}, {@code curves.png},
 * {@code checkpoints/} and, once the run has ended, {@code model/}.
 */
final class RunDirectory implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String RECIPE = "recipe.json";
    private static final String CHECKPOINTS = "checkpoints";

    /** What may change between two sessions of a run, since no number depends on it. */
    private static final Set<String> FREE = Set.of("run", "checkpoints", "faults", "batch.loaders");

    private final Path directory;
    private final FileChannel lock;
    private final ObjectNode recipe;

    private RunDirectory(Path directory, FileChannel lock, ObjectNode recipe) {
        this.directory = directory;
        this.lock = lock;
        this.recipe = recipe;
    }

    /**
     * @param directory made if it does not exist
     * @param resume whether a run that is there goes on; otherwise there must be none
     * @param recipe of the run
     * @throws M3Exception if another process holds it, there is a run that was not to be there, or one of
     *     another recipe
     */
    static RunDirectory open(Path directory, boolean resume, ObjectNode recipe) {
        try {
            Files.createDirectories(directory);
            FileChannel lock = locked(directory);
            try {
                Path file = directory.resolve(RECIPE);
                boolean known = Files.exists(file);
                if (!resume && (known || Files.exists(directory.resolve(CHECKPOINTS)))) {
                    throw new M3Exception(
                            directory
                                    + ": holds a run already, or its checkpoints; go on with it by"
                                    + " --resume auto, or choose another directory");
                }
                if (known) {
                    requireSame(file, recipe);
                }
                return new RunDirectory(directory, lock, recipe);
            } catch (RuntimeException e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new M3Exception(directory + ": cannot be used for a run: " + e, e);
        }
    }

    private static FileChannel locked(Path directory) throws IOException {
        FileChannel channel =
                FileChannel.open(
                        directory.resolve(".lock"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE);
        FileLock lock = null;
        try {
            lock = channel.tryLock(); // until the channel is closed, or the process ends
        } catch (OverlappingFileLockException e) {
            // held by this very process: as good as by another
            lock = null;
        }
        if (lock == null) {
            channel.close();
            throw new M3Exception(directory + ": another process is training in it");
        }
        return channel;
    }

    private static void requireSame(Path file, ObjectNode recipe) {
        List<String> changes = new ArrayList<>();
        collectChanges("", ConfigJson.read(file).node(), recipe, changes);
        if (!changes.isEmpty()) {
            throw new M3Exception(
                    file
                            + ": the run was begun with another recipe: "
                            + String.join("; ", changes)
                            + ". Take that recipe, or another directory");
        }
    }

    private static void collectChanges(
            String key, JsonNode before, JsonNode now, List<String> changes) {
        if (FREE.contains(key)) {
            return;
        }
        if (before != null && now != null && before.isObject() && now.isObject()) {
            Set<String> names = new TreeSet<>();
            before.fieldNames().forEachRemaining(names::add);
            now.fieldNames().forEachRemaining(names::add);
            for (String name : names) {
                String full = key.isEmpty() ? name : key + "." + name;
                collectChanges(full, before.get(name), now.get(name), changes);
            }
        } else if (!same(before, now)) {
            changes.add(key + " was " + before + ", is " + now);
        }
    }

    /** 1 and 1.0 are one number. */
    private static boolean same(JsonNode a, JsonNode b) {
        boolean numbers = a != null && b != null && a.isNumber() && b.isNumber();
        return numbers ? a.decimalValue().compareTo(b.decimalValue()) == 0 : Objects.equals(a, b);
    }

    Path metrics() {
        return directory.resolve("metrics.jsonl");
    }

    Path curves() {
        return directory.resolve("curves.png");
    }

    CheckpointStore checkpoints() {
        return new CheckpointStore(directory.resolve(CHECKPOINTS));
    }

    /** Where the trained model is, once the run has ended. */
    Path model() {
        return directory.resolve("model");
    }

    /** Where the adapters are, if there are any, once the run has ended. */
    Path adapter() {
        return directory.resolve("adapter");
    }

    /**
     * Makes it a run's directory, once all that the run needs has been opened: writes the recipe, and adds what
     * this session computes with to {@code provenance.json}.
     *
     * @param model fingerprint of what the run starts from
     * @param tower fingerprint of the starting model's tower, if that lies in a directory of its own
     * @param data fingerprints of the data by its use
     * @param session what is said of the session
     * @throws M3Exception if model, tower or data are not what the run began with
     */
    void record(String model, Optional<String> tower, ObjectNode data, ObjectNode session) {
        Path begun = directory.resolve(RECIPE);
        Path file = directory.resolve("provenance.json");
        try {
            if (!Files.exists(begun)) {
                DurableFiles.replace(begun, CheckpointStore.pretty(recipe));
            }
            ObjectNode all =
                    Files.exists(file)
                            ? (ObjectNode) ConfigJson.read(file).node()
                            : JSON.createObjectNode();
            // A run that was begun before they were recorded has no fingerprint of model or tower.
            putOnce(all, "model", "another starting model", TextNode.valueOf(model));
            tower.map(TextNode::valueOf)
                    .ifPresent(now -> putOnce(all, "vision_tower", "another vision tower", now));
            putOnce(all, "data", "other data", data);
            all.withArray("sessions").add(session);
            DurableFiles.replace(file, CheckpointStore.pretty(all));
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be written: " + e, e);
        }
    }

    private void putOnce(ObjectNode all, String key, String other, JsonNode now) {
        JsonNode before = all.get(key);
        if (before != null && !before.equals(now)) {
            throw new M3Exception(
                    directory
                            + ": the run was begun with "
                            + other
                            + ": its fingerprint was "
                            + before
                            + ", is "
                            + now
                            + ". Put back what the run was begun with, or take another directory");
        }
        all.set(key, now);
    }

    @Override
    public void close() {
        try {
            lock.close();
        } catch (IOException e) {
            throw new M3Exception(directory + ": cannot be released: " + e, e);
        }
    }
}
