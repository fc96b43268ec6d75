package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code quantize}, and what the other commands make of its checkpoint. */
class QuantizeCommandTest {

    @TempDir private Path directory;

    private Run quantize(Object model, String precision, Path out, Object... more) {
        Object[] arguments = {"quantize", "--model", model, "--precision", precision, "--out", out};
        return Run.of(Stream.concat(Stream.of(arguments), Stream.of(more)).toArray());
    }

    private static JsonNode answer(Path model, Object... more) {
        Object[] arguments = {
            "ask",
            "--model",
            model,
            "--image",
            Home.picture(),
            "--tokens",
            "9",
            "--max-new-tokens",
            "6",
            "--json"
        };
        return Run.of(Stream.concat(Stream.of(arguments), Stream.of(more)).toArray()).json();
    }

    @Test
    void aQuantisedCheckpointAnswersAsTheOriginalDoesInThatPrecision() throws IOException {
        Path out = directory.resolve("made");
        JsonNode made = quantize(Home.model(), "int8", out, "--json").json();
        assertThat(made.get("precision").textValue()).isEqualTo("int8");
        assertThat(made.get("bytes").longValue())
                .isEqualTo(Files.size(out.resolve("model.safetensors")));

        JsonNode answer = answer(out);
        assertThat(answer.get("precision").textValue()).isEqualTo("int8");
        assertThat(answer.get("precision_reason").textValue()).contains("quantised");
        assertThat(answer.get("ids"))
                .isEqualTo(answer(Home.model(), "--precision", "int8").get("ids"));

        JsonNode info = Run.of("info", out, "--json").json();
        assertThat(info.get("precision").textValue()).isEqualTo("int8");
        assertThat(info.get("default_precision").textValue()).isEqualTo("int8");
        assertThat(info.get("parameters").longValue()).isEqualTo(304_448);
        assertThat(info.at("/memory_plan/int4").isMissingNode()).isTrue();
        assertThat(Run.of("info", out).out()).contains("int8: the checkpoint is quantised so");
    }

    @Test
    void whatIsWrongIsToldInOneLineAndLeavesNothing() throws IOException {
        Path out = directory.resolve("out");
        refused(quantize(Home.model(), "bfloat16", out), "--precision bfloat16: expected int8");
        refused(quantize(Home.model(), "int3", out), "--precision int3: expected one of");
        refused(quantize(directory.resolve("none"), "int8", out), "none");
        Path full = Files.createDirectory(directory.resolve("full"));
        Files.createFile(full.resolve("mine"));
        refused(quantize(Home.model(), "int8", full), "nothing there or an empty directory");
        assertThat(Run.of("quantize", "--model", Home.model()).status()).isEqualTo(2);
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(full);
        }
        Run text = quantize(Home.model(), "int4", out);
        assertThat(text.status()).isZero();
        assertThat(text.out()).isEmpty();
        assertThat(text.err()).startsWith("m3: wrote ").hasLineCount(1);
    }

    private static void refused(Run run, String message) {
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains(message).hasLineCount(1);
    }
}
