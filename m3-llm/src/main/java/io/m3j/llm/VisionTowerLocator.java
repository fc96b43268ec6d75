package io.m3j.llm;

import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.vision.ClipVisionConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Finds the directory of a vision tower that the original layout keeps beside the checkpoint and only
 * names ({@code mm_vision_tower}). Nothing is downloaded.
 */
final class VisionTowerLocator {

    /** The towers that LLaVA names without shipping their sizes. */
    private static final String LARGE_336 = "clip-vit-large-patch14-336";

    private final M3Config config;
    private final Optional<Path> chosen;
    private final List<Path> looked = new ArrayList<>();

    /**
     * @param config of the checkpoint
     * @param chosen the caller's own choice of a directory
     */
    VisionTowerLocator(M3Config config, Optional<Path> chosen) {
        this.config = config;
        this.chosen = chosen;
    }

    /**
     * @return whether the caller named a directory, which then counts more than a tower inside
     */
    boolean isChosen() {
        return chosen.isPresent();
    }

    /**
     * @return the directory with the tower's config.json, if there is one
     * @throws M3Exception if the caller chose one that has none
     */
    Optional<Path> directory() {
        if (chosen.isPresent()) {
            Path directory = chosen.get();
            if (!Files.isRegularFile(directory.resolve("config.json"))) {
                throw new M3Exception(
                        "vision tower "
                                + directory
                                + ": expected a directory with config.json and the weights of a"
                                + " CLIP vision tower");
            }
            return chosen;
        }
        looked.clear();
        looked.addAll(candidates());
        return looked.stream()
                .filter(directory -> Files.isRegularFile(directory.resolve("config.json")))
                .findFirst();
    }

    /**
     * @return sizes of the tower: the checkpoint's own word, the tower's config.json, or those of a
     *     tower that is known by its name
     * @throws M3Exception if none of the three is there: heads cannot be told from the weights
     */
    ClipVisionConfig config() {
        return knownConfig().orElseThrow(this::sizesMissing);
    }

    /**
     * @return as {@link #config}, empty if none of the three is there
     */
    Optional<ClipVisionConfig> knownConfig() {
        if (config.vision().isPresent()) {
            return config.vision();
        }
        Optional<Path> directory = directory();
        if (directory.isPresent()) {
            ConfigJson json = ConfigJson.read(directory.get().resolve("config.json"));
            return Optional.of(
                    ClipVisionConfig.of(
                            json.has("vision_config") ? json.object("vision_config") : json));
        }
        return config.visionTower()
                .filter(name -> name.endsWith(LARGE_336))
                .map(name -> ClipVisionConfig.LARGE_PATCH14_336);
    }

    /**
     * @return the failure that says where the tower was looked for
     */
    M3Exception missing() {
        return new M3Exception(
                "model "
                        + config.directory()
                        + ": its vision tower "
                        + config.visionTower().orElse("(unnamed)")
                        + " was not found; looked for config.json in "
                        + looked
                        + ". Put the tower there or name its directory (--vision-tower DIR; in a recipe"
                        + " model.vision_tower)");
    }

    private M3Exception sizesMissing() {
        return new M3Exception(
                "model "
                        + config.directory()
                        + ": the weights of its vision tower are inside, but not its sizes: expected"
                        + " vision_config in config.json, or the config.json of the tower "
                        + config.visionTower().orElse("(unnamed)")
                        + " in one of "
                        + looked
                        + ", found neither");
    }

    private List<Path> candidates() {
        List<Path> candidates = new ArrayList<>();
        config.visionTower()
                .ifPresent(
                        name -> {
                            try {
                                Path checkpoint = config.directory().toAbsolutePath().normalize();
                                Path named = Path.of(name);
                                candidates.add(checkpoint.resolve(named).normalize());
                                Path last = named.getFileName();
                                if (last != null) { // a root has none
                                    candidates.add(checkpoint.resolveSibling(last));
                                }
                                candidates.addAll(hubSnapshots(name));
                            } catch (InvalidPathException e) {
                                throw new M3Exception(
                                        config.directory()
                                                + ", config.json: mm_vision_tower: not a path: "
                                                + name,
                                        e);
                            }
                        });
        return candidates.stream().distinct().toList();
    }

    /** Snapshots in the local cache of the Hugging Face hub, if the user has one. */
    private static List<Path> hubSnapshots(String name) {
        String home = System.getenv("HF_HOME");
        Path cache =
                home == null
                        ? Path.of(System.getProperty("user.home"), ".cache", "huggingface")
                        : Path.of(home);
        Path snapshots =
                cache.resolve("hub")
                        .resolve("models--" + name.replace("/", "--"))
                        .resolve("snapshots");
        if (!Files.isDirectory(snapshots)) {
            return List.of();
        }
        try (Stream<Path> found = Files.list(snapshots)) {
            return found.sorted(Comparator.reverseOrder()).toList();
        } catch (IOException e) {
            return List.of(); // an unreadable cache is no cache
        }
    }
}
