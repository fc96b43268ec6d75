package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.m3j.core.DurableFiles;
import io.m3j.core.M3Exception;
import io.m3j.train.run.CheckpointStore.Stored;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointStoreTest {

    @TempDir private Path directory;

    private Stored write(long step) {
        return store().write(
                        step,
                        files -> {
                            Files.writeString(files.resolve("weights"), "weights of " + step);
                            Files.writeString(
                                    files.resolve("state.json"), "{\"step\":" + step + "}");
                        });
    }

    private CheckpointStore store() {
        return new CheckpointStore(directory);
    }

    private long newest(List<String> said) {
        return store().newest(said::add).map(Stored::step).orElse(-1L);
    }

    @Test
    void theNewestIsFound() throws IOException {
        write(9);
        write(10);
        List<String> said = new ArrayList<>();
        assertThat(newest(said)).isEqualTo(10);
        assertThat(said).isEmpty();
        assertThat(store().place(10).resolve("weights")).hasContent("weights of 10");
    }

    /** Every byte of every file: cut off there, or with a bit of it turned over. */
    @Test
    void whateverIsCutOffOrTurnedOverIsPassedOver() throws IOException {
        write(1);
        Path newest = write(2).directory();
        List<Path> files;
        try (Stream<Path> all = Files.list(newest)) {
            files = all.toList();
        }
        assertThat(files).hasSize(3);
        for (Path file : files) {
            byte[] content = Files.readAllBytes(file);
            for (int i = 0; i < content.length; i++) {
                byte[] cut = Arrays.copyOf(content, i);
                Files.write(file, cut);
                requirePassedOver(file + " cut off at " + i);
                byte[] turned = content.clone();
                turned[i] ^= 1;
                Files.write(file, turned);
                boolean manifest = file.endsWith(CheckpointStore.MANIFEST);
                if (!manifest || differs(content, turned)) {
                    requirePassedOver(file + " turned over at " + i);
                }
            }
            Files.delete(file);
            requirePassedOver(file + " missing");
            Files.write(file, content);
        }
        assertThat(newest(new ArrayList<>())).isEqualTo(2);
    }

    /** Blanks between the words of a manifest say nothing. */
    private static boolean differs(byte[] content, byte[] turned) throws IOException {
        try {
            return !MiniRun.JSON.readTree(content).equals(MiniRun.JSON.readTree(turned));
        } catch (JsonProcessingException e) {
            return true;
        }
    }

    private void requirePassedOver(String what) {
        List<String> said = new ArrayList<>();
        assertThat(newest(said)).as(what).isEqualTo(1);
        assertThat(said).as(what).hasSize(1);
        assertThat(said.get(0)).contains("step-0000000002 is passed over: ");
    }

    @Test
    void aWriteThatFailsLeavesTheOlderOne() {
        write(1);
        assertThatThrownBy(
                        () ->
                                store().write(
                                                2,
                                                files -> {
                                                    Files.writeString(files.resolve("a"), "half");
                                                    throw new IOException("disk full");
                                                }))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("disk full");
        List<String> said = new ArrayList<>();
        assertThat(newest(said)).isEqualTo(1);
        assertThat(said).isEmpty();
    }

    @Test
    void whatWasNotFinishedIsCleared() throws IOException {
        write(1);
        Path half = directory.resolve(DurableFiles.UNFINISHED + "step-0000000002");
        Files.createDirectories(half);
        Files.writeString(half.resolve("weights"), "half");
        assertThat(newest(new ArrayList<>())).isEqualTo(1);
        assertThat(half).doesNotExist();
    }

    @Test
    void oneThatWasPassedOverIsReplaced() throws IOException {
        Path broken = write(2).directory();
        Files.delete(broken.resolve(CheckpointStore.MANIFEST));
        assertThat(newest(new ArrayList<>())).isEqualTo(-1);
        write(2);
        assertThat(newest(new ArrayList<>())).isEqualTo(2);
    }

    @Test
    void theNewestAndThePinnedOneAreKept() throws IOException {
        for (int step = 1; step <= 5; step++) {
            write(step);
        }
        store().keep(2, 3);
        try (Stream<Path> kept = Files.list(directory)) {
            assertThat(kept.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "step-0000000003", "step-0000000004", "step-0000000005");
        }
    }
}
