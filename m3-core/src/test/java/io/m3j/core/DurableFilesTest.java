package io.m3j.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class DurableFilesTest {

    @TempDir private Path directory;

    @Test
    @DisabledOnOs(OS.WINDOWS) // which lets no directory be forced
    void aFileAndThenItsNameAreForced() throws IOException {
        Path file = directory.resolve("a");
        try (ForcedFiles forced = new ForcedFiles()) {
            DurableFiles.replace(file, "one");
            assertThat(forced.paths())
                    .containsExactly(directory.resolve(DurableFiles.UNFINISHED + "a"), directory);
        }
        DurableFiles.replace(file, "another");
        assertThat(file).hasContent("another");
        assertThat(names()).containsExactly("a");
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void allThatIsInADirectoryIsForcedAndThenItsName() throws IOException {
        Path place = directory.resolve("model");
        Path beside = directory.resolve(DurableFiles.UNFINISHED + "model");
        try (ForcedFiles forced = new ForcedFiles()) {
            DurableFiles.publish(place, DurableFilesTest::twoFiles);
            assertThat(forced.paths())
                    .contains(
                            beside,
                            beside.resolve("config.json"),
                            beside.resolve("deeper"),
                            beside.resolve("deeper/weights"))
                    .endsWith(directory);
        }
        assertThat(place.resolve("deeper/weights")).hasContent("weights");
        assertThat(names()).containsExactly("model");
    }

    private static void twoFiles(Path files) throws IOException {
        Files.writeString(files.resolve("config.json"), "{}");
        Files.createDirectory(files.resolve("deeper"));
        Files.writeString(files.resolve("deeper/weights"), "weights");
    }

    @Test
    void aDirectoryIsReplacedAsAWhole() throws IOException {
        Path place = directory.resolve("model");
        Files.createDirectory(place);
        Files.writeString(place.resolve("old"), "old");
        // What an earlier process left behind when it was killed.
        Files.createDirectory(directory.resolve(DurableFiles.UNFINISHED + "model"));
        Files.createDirectory(directory.resolve(DurableFiles.UNFINISHED + "deleted-model"));
        DurableFiles.publish(place, DurableFilesTest::twoFiles);
        assertThat(place.resolve("config.json")).exists();
        assertThat(place.resolve("old")).doesNotExist();
        assertThat(names()).containsExactly("model");
    }

    @Test
    void whatFailsHalfwayLeavesTheOldOne() throws IOException {
        Path place = directory.resolve("model");
        DurableFiles.publish(place, DurableFilesTest::twoFiles);
        assertThatThrownBy(
                        () ->
                                DurableFiles.publish(
                                        place,
                                        files -> {
                                            Files.writeString(files.resolve("config.json"), "half");
                                            throw new IOException("disk full");
                                        }))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(place.toString())
                .hasMessageContaining("disk full");
        assertThat(place.resolve("config.json")).hasContent("{}");
    }

    @Test
    void aMissingDirectoryIsAMessage() {
        Path file = directory.resolve("none/a");
        assertThatThrownBy(() -> DurableFiles.replace(file, "text"))
                .isInstanceOf(M3Exception.class)
                .hasMessageStartingWith(file + ": cannot be written");
    }

    /** The value that RFC 3720, B.4, and every other implementation gives for "123456789". */
    @Test
    void aChecksumIsThatOfAllItsPieces() throws IOException {
        Path file = Files.writeString(directory.resolve("a"), "6789");
        assertThat(new Checksum().add("12345").add(file).digits()).isEqualTo("e3069283");
    }

    private Stream<String> names() throws IOException {
        try (Stream<Path> paths = Files.list(directory)) {
            return paths.map(path -> path.getFileName().toString()).toList().stream();
        }
    }
}
