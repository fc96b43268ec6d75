package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The README's commands work. A block of {@code sh} after the comment {@code <!-- tested -->} is run
 * by bash in the repository, with {@code m3} on the path and {@code $OUT} an empty directory.
 */
class ReadmeIT {

    private static final Path REPOSITORY = Path.of("..").toAbsolutePath().normalize();
    private static final int PATIENCE_SECONDS = 120;
    private static final Pattern BLOCK =
            Pattern.compile("<!-- tested -->\\s*```sh\\n(.*?)```", Pattern.DOTALL);

    @TempDir private Path out;

    @TestFactory
    List<DynamicTest> everyTestedBlockOfTheReadmeRuns() throws IOException {
        Path readme = REPOSITORY.resolve("README.md");
        Assumptions.assumeTrue(Files.exists(readme) && File.separatorChar == '/');
        List<DynamicTest> tests = new ArrayList<>();
        Matcher blocks = BLOCK.matcher(Files.readString(readme));
        while (blocks.find()) {
            String script = blocks.group(1);
            tests.add(DynamicTest.dynamicTest(script.strip(), () -> run(script)));
        }
        assertThat(tests).as("tested blocks of the README").isNotEmpty();
        return tests;
    }

    private void run(String script) throws IOException, InterruptedException {
        Path log = Files.createTempFile(out, "log", ".txt");
        ProcessBuilder builder =
                new ProcessBuilder("bash", "-eu", "-o", "pipefail", "-c", script)
                        .directory(REPOSITORY.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile());
        String bin = Path.of("bin").toAbsolutePath().toString();
        builder.environment().merge("PATH", bin, (old, ours) -> ours + File.pathSeparator + old);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("OUT", Files.createTempDirectory(out, "out").toString());
        Process process = builder.start();
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    }
}
