package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.weights.TorchBytes.Pickle;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Zip archives that lie, and those that are not of PyTorch's weights. */
class TorchZipTest {

    private static final int CENTRAL_HEADER = 0x02014b50;

    @TempDir Path directory;

    private Checkpoint open(byte[] zip) throws IOException {
        return Checkpoint.open(Files.write(directory.resolve("model.bin"), zip));
    }

    private static byte[] zip(boolean deflated) {
        return TorchBytes.zip(CheckpointContract.tensors(), deflated);
    }

    /** Position in the central directory of the entry of that name. */
    private static int central(byte[] zip, String name) {
        byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < zip.length - 46; at++) {
            if (bytes.getInt(at) == CENTRAL_HEADER
                    && bytes.getShort(at + 28) == wanted.length
                    && ByteBuffer.wrap(zip, at + 46, wanted.length)
                            .equals(ByteBuffer.wrap(wanted))) {
                return at;
            }
        }
        throw new AssertionError(name);
    }

    private static byte[] lie(byte[] zip, String name, int field, int value) {
        ByteBuffer.wrap(zip)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(central(zip, name) + field, value);
        return zip;
    }

    private void refused(byte[] zip, String reason) {
        assertThatThrownBy(() -> open(zip))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("model.bin")
                .hasMessageContaining(reason);
    }

    @Test
    void sizesThatTheFileCannotHoldAreRefused() {
        for (String name : List.of("archive/data.pkl", "archive/data/2")) {
            refused(lie(zip(false), name, 24, 1 << 30), "claims");
            refused(lie(zip(true), name, 24, 0x7fffffff), "claims");
            refused(lie(zip(false), name, 20, 0x7fffffff), "overlaps");
        }
    }

    @Test
    void anInflatedEntryOfAnotherLengthIsRefusedWhenItIsAskedFor() throws IOException {
        // The dictionary asks for 48 bytes, and the archive says so too, but there are 1,000,000.
        Pickle pickle =
                new Pickle()
                        .op("}")
                        .text("w")
                        .view("FloatStorage", "0", 12, 0, new long[] {12}, new long[] {1})
                        .op("s.");
        byte[] bomb = TorchBytes.zip(pickle.bytes(), List.of(new byte[1_000_000]), true);
        try (Checkpoint checkpoint = open(lie(bomb, "archive/data/0", 24, 48))) {
            assertThatThrownBy(() -> checkpoint.get("w"))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("tensor w")
                    .hasMessageContaining("checksum");
        }
    }

    @Test
    void aPickleThatIsNotWhatTheArchiveSaysIsRefused() {
        refused(lie(zip(false), "archive/data.pkl", 16, 1), "checksum");
        byte[] huge = TorchBytes.zip(new byte[PickleGuard.MAXIMUM_BYTES + 1], List.of(), true);
        refused(huge, "expected at most");
    }

    @Test
    void anArchiveThatIsNotOfWeightsIsNamedSo() throws IOException {
        refused(entries("word/document.xml", "x"), "without data.pkl");
        refused("PK is how this text begins".getBytes(StandardCharsets.UTF_8), "zip");
        refused(
                entries("a/data.pkl", "}.", "a/byteorder", "big"),
                "byte order big, expected little");
    }

    @Test
    void anEmptyDictionaryIsACheckpointOfNoTensors() throws IOException {
        try (Checkpoint checkpoint = open(entries("a/data.pkl", "}.", "a/byteorder", "little"))) {
            assertThat(checkpoint.names()).isEmpty();
        }
    }

    private static byte[] entries(String... namesAndContents) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            for (int i = 0; i < namesAndContents.length; i += 2) {
                zip.putNextEntry(new ZipEntry(namesAndContents[i]));
                zip.write(namesAndContents[i + 1].getBytes(StandardCharsets.UTF_8));
                zip.closeEntry();
            }
        }
        return out.toByteArray();
    }
}
