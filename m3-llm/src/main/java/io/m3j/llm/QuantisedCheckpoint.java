package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes a checkpoint whose linear layers hold levels of 8 or 4 bits, with their scales beside them
 * ({@link io.m3j.core.torch.QuantisedWeight} says how), and everything else in bfloat16. The tensors
 * keep their names; a vision tower that lay beside the source is written inside.
 *
 * <p>{@link M3Model#load} opens it as any other, and computes the same numbers, bit for bit, as with
 * the source and that precision.
 */
public final class QuantisedCheckpoint {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long LARGEST_SHARD = 4L << 30;

    private static final String CONFIG = "config.json";
    private static final String PREPROCESSOR = "preprocessor_config.json";

    /**
     * What of the files beside the weights goes with a model: configurations, tokenizers, chat templates, and
     * on what terms it may be used. Other texts are notes of whoever made it.
     */
    private static final Pattern COPIED =
            Pattern.compile(
                    ".*\\.(json|model|jinja)|(merges|vocab)\\.txt"
                            + "|(?i:(license|licence|notice|use_policy)(\\.(txt|md))?)");

    private static final String INDEX = ".index.json";

    private QuantisedCheckpoint() {}

    /**
     * Quantises a checkpoint tensor by tensor.
     *
     * @param source a directory with config.json and plain weights
     * @param precision {@link Precision#INT8} or {@link Precision#INT4}
     * @param out a directory that does not exist yet, or is empty; it appears when it is complete
     * @param options the tower's directory and the progress count; the rest does not bear on this
     * @throws M3Exception if the source is missing, broken or quantised already, or the directory
     *     cannot be written; nothing of it is kept then
     */
    public static void write(Path source, Precision precision, Path out, LoadOptions options) {
        required(options, "options");
        required(out, "out");
        if (!required(precision, "precision").quantises()) {
            throw new M3Exception(
                    "precision " + precision.label() + ": expected int8 or int4 to quantise to");
        }
        M3Config config = M3Config.read(source);
        config.quantization()
                .ifPresent(
                        before -> {
                            throw new M3Exception(
                                    "model "
                                            + source
                                            + ": expected plain weights, found "
                                            + before.precision().label()
                                            + " levels; quantise the model that they were made"
                                            + " from");
                        });
        Path target = requireFree(out);
        VisionTowerLocator locator = new VisionTowerLocator(config, options.visionTower());
        Path staging = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID());
        try (ModelTensors tensors = ModelTensors.open(() -> Checkpoint.open(source), locator);
                Kernels kernels = Kernels.load(Device.cpu())) {
            if (!tensors.hasTower()) {
                throw locator.missing();
            }
            Files.createDirectories(target.getParent());
            Files.createDirectory(staging);
            try {
                SafetensorsWriter writer = new SafetensorsWriter();
                writer.metadata("quant_method", "m3j").metadata("precision", precision.label());
                try (WeightRounding rounding =
                        new WeightRounding(kernels, tensors, options.progress())) {
                    rounding.addTo(writer, config, locator.config(), precision);
                    writer.writeDirectory(staging, LARGEST_SHARD);
                }
                copyFiles(source, locator, staging);
                writeConfig(source, config, locator, precision, staging);
                Files.move(staging, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                remove(staging);
            }
        } catch (IOException e) {
            throw new M3Exception(
                    out + ": cannot be written: " + e + "; nothing of it was kept", e);
        }
    }

    private static Path requireFree(Path out) {
        Path target = out.toAbsolutePath().normalize();
        if (target.getParent() == null) {
            throw new M3Exception(out + ": expected a directory to make, found a root");
        }
        if (Files.exists(target) && !isEmptyDirectory(target)) {
            throw new M3Exception(
                    out + ": expected nothing there or an empty directory; name another one");
        }
        return target;
    }

    private static boolean isEmptyDirectory(Path target) {
        if (!Files.isDirectory(target)) {
            return false;
        }
        try (Stream<Path> files = Files.list(target)) {
            return files.findAny().isEmpty();
        } catch (IOException e) {
            throw new M3Exception(target + ": cannot be listed: " + e, e);
        }
    }

    /** What describes a model beside its weights and config.json, with the preprocessor of its tower. */
    static void copyFiles(Path source, VisionTowerLocator locator, Path staging)
            throws IOException {
        Predicate<Path> copied =
                file -> {
                    String name = file.getFileName().toString();
                    return Files.isRegularFile(file)
                            && COPIED.matcher(name).matches()
                            && !name.endsWith(INDEX)
                            && !name.equals(CONFIG);
                };
        try (Stream<Path> files = Files.list(source)) {
            for (Path file : files.filter(copied).toList()) {
                write(staging.resolve(file.getFileName()), Files.readAllBytes(file));
            }
        }
        Path preprocessor = staging.resolve(PREPROCESSOR);
        Optional<Path> ofTower = locator.directory().map(d -> d.resolve(PREPROCESSOR));
        if (!Files.exists(preprocessor) && ofTower.filter(Files::isRegularFile).isPresent()) {
            write(preprocessor, Files.readAllBytes(ofTower.get()));
        }
    }

    private static void writeConfig(
            Path source,
            M3Config config,
            VisionTowerLocator locator,
            Precision precision,
            Path staging)
            throws IOException {
        ObjectNode json = configWithTower(source, config, locator);
        new Quantization(precision).write(json);
        write(
                staging.resolve(CONFIG),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
    }

    /** The config.json of a model whose tower is written inside. */
    static ObjectNode configWithTower(Path source, M3Config config, VisionTowerLocator locator)
            throws IOException {
        ObjectNode json = (ObjectNode) JSON.readTree(source.resolve(CONFIG).toFile());
        Optional<Path> tower = locator.directory().map(d -> d.resolve(CONFIG));
        if (tower.isPresent() && (locator.isChosen() || config.vision().isEmpty())) {
            JsonNode theirs = JSON.readTree(tower.get().toFile());
            json.set(
                    "vision_config",
                    theirs.path("vision_config").isObject() ? theirs.get("vision_config") : theirs);
        }
        return json;
    }

    private static void write(Path file, byte[] content) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
    }

    private static void remove(Path staging) throws IOException {
        if (Files.notExists(staging)) {
            return;
        }
        try (Stream<Path> files = Files.walk(staging)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
