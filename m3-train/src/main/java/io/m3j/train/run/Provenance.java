package io.m3j.train.run;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.torch.TorchRuntime;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What a session of a run computes with, for its record. */
final class Provenance {

    private static final Path CPUINFO = Path.of("/proc/cpuinfo");
    private static final int SECONDS_FOR_GIT = 5;

    private Provenance() {}

    /**
     * @param step that the session begins with
     * @param device that it computes on
     */
    static ObjectNode session(long step, String device) {
        TorchRuntime torch = TorchRuntime.current();
        ObjectNode json = new ObjectMapper().createObjectNode();
        json.put("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        json.put("step", step);
        String version = Provenance.class.getPackage().getImplementationVersion();
        json.put("m3j", version == null ? "not packaged" : version);
        commit().ifPresent(commit -> json.put("commit", commit));
        json.put("libtorch", torch.libtorch()).put("djl", torch.djl());
        json.put("threads", torch.threads()).put("device", device);
        json.put("java", Runtime.version().toString());
        json.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        json.put("processor", processor());
        json.put("processors", Runtime.getRuntime().availableProcessors());
        return json;
    }

    private static String processor() {
        if (Files.isReadable(CPUINFO)) {
            try (Stream<String> lines = Files.lines(CPUINFO)) {
                return lines.filter(line -> line.toLowerCase(Locale.ROOT).startsWith("model name"))
                        .findFirst()
                        .map(line -> line.substring(line.indexOf(':') + 1).strip())
                        .orElse("unknown");
            } catch (IOException e) {
                return "unknown"; // a system that says it otherwise
            }
        }
        return "unknown";
    }

    /**
     * The commit of the source tree that this code was built in, if it runs from there: git says it, with
     * a mark if files were changed.
     */
    private static Optional<String> commit() {
        try {
            CodeSource source = Provenance.class.getProtectionDomain().getCodeSource();
            Path code = Path.of(source.getLocation().toURI());
            for (Path root = code.getParent(); root != null; root = root.getParent()) {
                if (Files.exists(root.resolve(".git"))) {
                    return Files.exists(root.resolve("m3-train/pom.xml"))
                            ? described(root)
                            : Optional.empty();
                }
            }
            return Optional.empty();
        } catch (URISyntaxException | NullPointerException e) {
            return Optional.empty(); // code from elsewhere than a file
        }
    }

    private static Optional<String> described(Path root) {
        List<String> command =
                List.of(
                        "git",
                        "-C",
                        root.toString(),
                        "describe",
                        "--always",
                        "--abbrev=40",
                        "--dirty");
        try {
            Process git =
                    new ProcessBuilder(command)
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            if (!git.waitFor(SECONDS_FOR_GIT, TimeUnit.SECONDS)) {
                git.destroyForcibly();
                return Optional.empty();
            }
            byte[] output = git.getInputStream().readAllBytes();
            String text = new String(output, StandardCharsets.UTF_8).strip();
            return git.exitValue() == 0 && !text.isEmpty() ? Optional.of(text) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty(); // no git here
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
