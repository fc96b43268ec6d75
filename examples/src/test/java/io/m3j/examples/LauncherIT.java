package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged command, started as a user starts it. */
class LauncherIT {

    private static final Path LAUNCHER = Path.of("bin", "m3").toAbsolutePath();
    private static final int PATIENCE_SECONDS = 120;

    @TempDir private Path directory;

    @BeforeEach
    void needsAShell() {
        assumeThat(File.separatorChar).isEqualTo('/');
    }

    private Run run(Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
    }

    @Test
    void theFirstCommandWorksFromAnyDirectory() throws Exception {
        Run run = run(Map.of(), LAUNCHER.toString(), "ask", "--max-new-tokens", "2");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("576", "What does the sign say?")
                .doesNotContain("untrained");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void aLinkToTheLauncherWorksAndUnicodeSurvivesAPlainLocale() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("em three"), LAUNCHER);
        Run run =
                run(
                        Map.of("LC_ALL", "C"),
                        link.toString(),
                        "ask",
                        "--prompt",
                        "Où est le 🚌 ?",
                        "--tokens=1",
                        "--max-new-tokens=1",
                        "--json");
        assertThat(run.status()).as(run.err()).isZero();
        JsonNode answer = new ObjectMapper().readTree(run.out());
        assertThat(answer.get("prompt").textValue()).isEqualTo("Où est le 🚌 ?");
    }

    @Test
    void theJarWorksWithoutTheLauncher() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String jar = Path.of("target", "m3.jar").toAbsolutePath().toString();
        Run run =
                run(
                        Map.of(),
                        java,
                        "-jar",
                        jar,
                        "ask",
                        "--tokens=1",
                        "--max-new-tokens=1",
                        "--json");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(new ObjectMapper().readTree(run.out()).get("tokens").intValue()).isEqualTo(1);
    }

    @Test
    void statusesReachTheShell() throws Exception {
        Run failed = run(Map.of(), LAUNCHER.toString(), "info", "nowhere");
        assertThat(failed.status()).isEqualTo(1);
        assertThat(failed.err()).startsWith("m3: model nowhere").hasLineCount(1);
        assertThat(run(Map.of(), LAUNCHER.toString(), "info").status()).isEqualTo(2);
    }

    @Test
    void tooSmallAHeapIsAFailureInWords() throws Exception {
        Path image = directory.resolve("large.bmp");
        Files.write(image, LargeBitmap.bytes(4000, 4000));
        Run run =
                run(
                        Map.of("M3_JAVA_OPTS", "-Xmx24m"),
                        LAUNCHER.toString(),
                        "ask",
                        "--image",
                        image.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("m3: ").hasLineCount(1);
    }

    @Test
    void aLauncherWithoutItsJarSaysHowToBuildIt() throws Exception {
        Path bin = Files.createDirectories(directory.resolve("examples/bin"));
        Path copy = Files.copy(LAUNCHER, bin.resolve("m3"));
        Run run = run(Map.of(), "bash", copy.toString(), "ask");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("mvn package").hasLineCount(1);
    }

    /** A bitmap whose pixels take much memory. */
    private static final class LargeBitmap {

        private static final int HEADER = 54;

        static byte[] bytes(int width, int height) {
            byte[] bytes = new byte[HEADER + 3 * width * height];
            ByteBuffer.wrap(bytes)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .put("BM".getBytes(StandardCharsets.US_ASCII))
                    .putInt(bytes.length)
                    .putInt(0)
                    .putInt(HEADER)
                    .putInt(40)
                    .putInt(width)
                    .putInt(height)
                    .putShort((short) 1)
                    .putShort((short) 24)
                    .putInt(0)
                    .putInt(3 * width * height);
            return bytes;
        }
    }
}
