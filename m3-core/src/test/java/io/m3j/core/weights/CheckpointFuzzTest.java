package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Damaged files of each format: a message or a valid checkpoint, never anything else. */
class CheckpointFuzzTest {

    private static Path directory;
    private static List<byte[]> valid;

    @BeforeContainer
    static void writeValidFiles() throws IOException {
        directory = Files.createTempDirectory("m3j-fuzz");
        SafetensorsWriter writer = new SafetensorsWriter();
        List<StoredTensor> tensors = CheckpointContract.tensors();
        tensors.forEach(writer::add);
        Path file = directory.resolve("valid.safetensors");
        writer.writeFile(file);
        valid =
                List.of(
                        Files.readAllBytes(file),
                        TorchBytes.zip(tensors, false),
                        TorchBytes.zip(tensors, true),
                        TorchBytes.legacy(tensors),
                        TorchBytes.dictionary(tensors, false));
    }

    @AfterContainer
    static void removeFiles() throws IOException {
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }

    @Provide
    Arbitrary<Integer> formats() {
        return Arbitraries.integers().between(0, 4);
    }

    @Property(tries = 1000)
    void damageIsAMessageOrLeavesAValidCheckpoint(@ForAll("formats") int format, @ForAll long seed)
            throws IOException {
        byte[] bytes = damaged(valid.get(format), new Random(seed));
        if (format == 4) { // the pickle alone, so that no checksum stands before the guard
            bytes = TorchBytes.zip(bytes, storages(), false);
        }
        readOrRefuse(Files.write(directory.resolve("damaged"), bytes));
    }

    private static List<byte[]> storages() {
        return CheckpointContract.tensors().stream().map(TorchBytes::bytes).toList();
    }

    private static byte[] damaged(byte[] valid, Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> Arrays.copyOf(valid, random.nextInt(valid.length));
            case 1 -> {
                byte[] longer = Arrays.copyOf(valid, valid.length + 1 + random.nextInt(64));
                random.nextBytes(longer);
                System.arraycopy(valid, 0, longer, 0, valid.length);
                yield longer;
            }
            case 2 -> { // a number changed to an extreme
                byte[] changed = valid.clone();
                int at = random.nextInt(changed.length);
                byte extreme = (byte) (random.nextBoolean() ? 0xff : 0x7f);
                Arrays.fill(
                        changed, at, Math.min(changed.length, at + 1 + random.nextInt(8)), extreme);
                yield changed;
            }
            default -> {
                byte[] changed = valid.clone();
                for (int i = 0; i <= random.nextInt(8); i++) {
                    changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
                }
                yield changed;
            }
        };
    }

    private static void readOrRefuse(Path file) {
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            for (String name : checkpoint.names()) {
                try {
                    StoredTensor tensor = checkpoint.get(name);
                    assertThat((long) tensor.data().remaining())
                            .isEqualTo(checkpoint.info(name).byteCount());
                } catch (M3Exception refused) {
                    assertThat(refused).hasMessageContaining(file.toString());
                }
            }
        } catch (M3Exception refused) {
            assertThat(refused).hasMessageContaining(file.toString());
        }
    }
}
