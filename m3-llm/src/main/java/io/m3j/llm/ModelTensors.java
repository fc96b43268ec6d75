package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.core.nn.StoredLevels;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All tensors of a model: those of its checkpoint and, if the vision tower lies in a directory of its
 * own, those of that. Closing closes the files.
 */
final class ModelTensors implements AutoCloseable {

    private static final Logger LOGGER = LoggerFactory.getLogger(ModelTensors.class);

    /** What our names of the tower's tensors begin with. */
    static final String TOWER = "vision_tower.";

    // CLIP's projection into the space of its text tower: LLaVA does not use it.
    private static final String CLIP_PROJECTION = TOWER + "projection.";

    /**
     * The tensors of one checkpoint.
     *
     * @param checkpoint where they are
     * @param names theirs and ours
     */
    record Source(Checkpoint checkpoint, NameMap names) {

        static Source of(Checkpoint checkpoint) {
            NameMap names = NameMap.detect(checkpoint.names());
            if (!names.unknown().isEmpty()) {
                LOGGER.warn(
                        "{}: tensors without a use here: {}", checkpoint.path(), names.unknown());
            }
            return new Source(checkpoint, names);
        }

        boolean hasTower() {
            return names.theirsByOurs().keySet().stream().anyMatch(n -> n.startsWith(TOWER));
        }
    }

    private final Source main;
    private final Optional<Source> beside;

    private ModelTensors(Source main, Optional<Source> beside) {
        this.main = main;
        this.beside = beside;
    }

    /**
     * @param source opens the checkpoint
     * @param locator of the tower, if it is not inside
     * @return the tensors, without the tower if it was not found
     */
    static ModelTensors open(Supplier<Checkpoint> source, VisionTowerLocator locator) {
        Checkpoint checkpoint = source.get();
        try {
            Source main = Source.of(checkpoint);
            boolean inside = !locator.isChosen() && main.hasTower();
            Optional<Path> directory = inside ? Optional.empty() : locator.directory();
            if (directory.isEmpty()) {
                return new ModelTensors(main, Optional.empty());
            }
            Checkpoint tower = Checkpoint.open(directory.get());
            try {
                return new ModelTensors(main, Optional.of(Source.of(tower)));
            } catch (RuntimeException e) {
                tower.close();
                throw e;
            }
        } catch (RuntimeException e) {
            checkpoint.close();
            throw e;
        }
    }

    /**
     * @return the checkpoint itself
     */
    Source main() {
        return main;
    }

    /**
     * @return where the tower is: the checkpoint, or one beside it
     */
    Source tower() {
        return beside.orElse(main);
    }

    /**
     * @return whether the checkpoint itself holds the tower that is used
     */
    boolean towerInside() {
        return beside.isEmpty() && main.hasTower();
    }

    /**
     * @return whether there is a tower at all
     */
    boolean hasTower() {
        return tower().hasTower();
    }

    /**
     * @return tensors of both files
     */
    int count() {
        return main.names().theirsByOurs().size()
                + beside.map(source -> source.names().theirsByOurs().size()).orElse(0);
    }

    /**
     * @return our names of the tensors that a model takes, in the order of the files
     */
    List<String> names() {
        return Stream.concat(Stream.of(main), beside.stream())
                .flatMap(
                        source ->
                                source.names().theirsByOurs().keySet().stream()
                                        .filter(ours -> uses(source, ours)))
                .toList();
    }

    /**
     * @param ours our name of a tensor
     * @return what is said of it; empty if it is missing
     */
    Optional<TensorInfo> info(String ours) {
        Source source = ours.startsWith(TOWER) ? tower() : main;
        return Optional.ofNullable(source.names().theirsByOurs().get(ours))
                .map(source.checkpoint()::info);
    }

    /**
     * @param ours our name of a tensor that is there
     * @return the tensor
     */
    StoredTensor get(String ours) {
        Source source = ours.startsWith(TOWER) ? tower() : main;
        return source.checkpoint().get(source.names().theirsByOurs().get(ours));
    }

    private boolean uses(Source source, String ours) {
        boolean ofTower = ours.startsWith(TOWER);
        return !ours.startsWith(CLIP_PROJECTION) && source == (ofTower ? tower() : main);
    }

    /**
     * @param prefix of our names
     * @return how many weights lie under it, by the type they are stored in; scales are not weights
     */
    Map<ElementType, Long> weights(String prefix) {
        Map<ElementType, Long> counts = new EnumMap<>(ElementType.class);
        for (String ours : names()) {
            if (ours.startsWith(prefix) && !StoredLevels.isScale(ours)) {
                TensorInfo info = info(ours).orElseThrow();
                counts.merge(info.type(), StoredLevels.weights(info), Long::sum);
            }
        }
        return Collections.unmodifiableMap(counts);
    }

    /**
     * @param prefix of our names
     * @return how many weights lie under it
     */
    long total(String prefix) {
        return weights(prefix).values().stream().mapToLong(Long::longValue).sum();
    }

    /**
     * @return the type that most weights are stored in
     */
    ElementType mostStored() {
        return weights("").entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        main.checkpoint().path()
                                                + ": expected weights, found none"));
    }

    @Override
    public void close() {
        beside.ifPresent(source -> source.checkpoint().close());
        main.checkpoint().close();
    }
}
