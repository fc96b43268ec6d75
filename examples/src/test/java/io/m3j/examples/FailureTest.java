package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Failures and wrong usages: one line that names the culprit, a status, and no output. */
class FailureTest {

    private static final Path MODEL = Golden.checkpoint("llava-m3");
    private static final Path IMAGE = Golden.image("tiny_3x5.png");

    @TempDir private Path directory;

    static Stream<Arguments> wrongUsages() {
        return Stream.of(
                usage("--bogus", "ask", "--bogus"),
                usage("frobnicate", "frobnicate"),
                usage("--out", "encode", "--model", MODEL, "--image", IMAGE),
                usage("did you mean ask", "aks"),
                usage("did you mean --image", "ask", "--imag", IMAGE),
                usage("--max-new-tokens", "ask", "--max-new-tokens", "many"),
                usage("--temperature", "ask", "--temperature", "abc"),
                usage("--seed", "ask", "--seed", "99999999999999999999"),
                usage("'--video': expected a path, found", "ask", "--video", ""),
                usage("'--image' (FILE): expected a path, found", "ask", "--image", ""),
                usage("'--model': expected a path, found", "ask", "--model="),
                usage("(DIR): expected a path, found", "info", ""),
                usage(
                        "run m3 ask once for each",
                        "ask",
                        "--prompt=a",
                        "--prompt=b",
                        "--tokens=1,9"),
                usage("--image FILE, --prompt TEXT", "ask", "--model", Home.model()),
                usage("--text", "tokenize"),
                usage("--jsonl", "tokenize", "--text", "a", "--jsonl", "b"),
                usage("DIR", "info"));
    }

    private static Arguments usage(String culprit, Object... arguments) {
        return Arguments.of(culprit, arguments);
    }

    @ParameterizedTest
    @MethodSource("wrongUsages")
    void aWrongUsageIsStatusTwoAndOneLineThatNamesIt(String culprit, Object[] arguments) {
        Run run = Run.of(arguments);
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("m3: ").contains(culprit, "--help").hasLineCount(1);
    }

    @Test
    void withoutACommandTheHelpIsShownAsAWrongUsage() {
        Run run = Run.of();
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("Usage: m3", "generate-ids").doesNotContain("make-random");
    }

    @Test
    void helpAndVersionAreNoFailures() {
        assertThat(Run.of("--help").out()).contains("Usage: m3");
        assertThat(Run.of("help", "ask").out()).contains("Usage: m3 ask");
        assertThat(Run.of("ask", "--help").status()).isZero();
        assertThat(Run.of("--version").out()).startsWith("m3 ");
    }

    static Stream<Arguments> failures() {
        Path text = Golden.file("golden/m3.json");
        return Stream.of(
                usage("1, 9, 36, 144, 576", logits("--image", IMAGE, "--tokens", "256")),
                usage("scale 7", logits("--image", IMAGE, "--tokens", "7")),
                usage("not built yet", logits("--image", IMAGE, "--tokens", "auto")),
                usage("nowhere.png: no such file", logits("--image", "nowhere.png")),
                usage("m3.json: not a picture", logits("--image", text)),
                usage("a directory", logits("--image", MODEL)),
                usage("1 image slot for 2 images", logits("--image", IMAGE, "--image", IMAGE)),
                usage("1 image slot for 0 images", logits()),
                usage("0 image slots for 1 image;", command("--ids", "1", "--image", IMAGE)),
                usage("prompt id -201", command("--ids", "-201", "--image", IMAGE)),
                usage("--ids: element 2", command("--ids", "1,foo,-200")),
                usage("'foo'", command("--ids", "1,foo,-200")),
                usage("element 2", command("--ids", "1,")),
                usage("'9…9'", command("--ids", "9…9")),
                usage("--ids: element 1", "detokenize", "--ids", ""),
                usage("--tokens: expected scales", "ask", "--tokens", "1,x"),
                usage("--tokens: expected scales", "ask", "--tokens", ""),
                usage("'99999999999'", "ask", "--tokens", "99999999999"),
                usage(
                        "--precision int3: expected",
                        logits("--image", IMAGE, "--precision", "int3")),
                usage("--device tpu: expected auto", logits("--image", IMAGE, "--device", "tpu")),
                usage("--device tpu: expected", "bench", "--random", "m3j-tiny", "--device", "tpu"),
                usage("--image-mode stretch", logits("--image", IMAGE, "--image-mode", "stretch")),
                usage("nowhere", logits("--image", IMAGE, "--vision-tower", "nowhere")),
                usage(
                        "prompt id 512 at position 1: expected 0 to 511",
                        command("--ids", "-200,512", "--image", IMAGE)),
                usage("prompt id -1", command("--ids", "-200,-1", "--image", IMAGE)),
                usage(
                        "context",
                        command("--ids", "-200", "--image", IMAGE, "--max-new-tokens", 5000)),
                usage("--max-new-tokens 0:", "ask", "--max-new-tokens", 0),
                usage("--max-new-tokens 0:", command("--ids", "1", "--max-new-tokens", 0)),
                usage("--temperature NaN:", "ask", "--temperature", "NaN"),
                usage("--temperature -1.0:", "ask", "--temperature", -1),
                usage("--top-p 0.0:", "ask", "--top-p", 0),
                usage("--top-k -1:", "ask", "--top-k", -1),
                usage("--repetition-penalty 0.0:", "ask", "--repetition-penalty", 0),
                usage("--stop '':", "ask", "--stop", ""),
                usage("--template 'nosuch':", "ask", "--template", "nosuch"),
                usage("not built yet", "ask", "--tokens", "auto"),
                usage("2 image slots", "ask", "--prompt", "<image><image>", "--tokens", 1),
                usage("no tokenizer", "ask", "--model", MODEL, "--image", IMAGE),
                usage("model nowhere", "info", "nowhere"),
                usage(
                        "--tokens base:9,tiles:9: expected scales of whole pictures",
                        command("--ids", "1,-200", "--image", IMAGE, "--tokens=base:9,tiles:9")),
                usage("--size 3x: expected width and height", "info", MODEL, "--size", "3x"),
                usage("99999", "detokenize", "--ids", "1,99999"),
                usage("nowhere.jsonl: no such file", "tokenize", "--jsonl", "nowhere.jsonl"),
                usage("no tokenizer", "tokenize", "--model", MODEL, "--text", "a"));
    }

    private static Object[] logits(Object... more) {
        List<Object> all = new ArrayList<>(List.of("--ids", "1,-200"));
        all.addAll(List.of(more));
        return command(all.toArray());
    }

    private static Object[] command(Object... more) {
        List<Object> all = new ArrayList<>(List.of("generate-ids", "--json", "--model", MODEL));
        all.addAll(List.of(more));
        return all.toArray();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aFailureIsStatusOneAndNamesItsCulprit(String culprit, Object[] arguments) {
        Run run = Run.of(arguments);
        assertThat(run.err()).contains(culprit);
        assertThat(run.err().lines().filter(line -> !line.contains("untrained")))
                .singleElement()
                .asString()
                .startsWith("m3: ");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void aFailureLeavesTheOldFileAndNoOther() throws IOException {
        Path out = Files.writeString(directory.resolve("logits.safetensors"), "old");
        Run run = Run.of("logits", "--model", MODEL, "--ids", "1,9999", "--out", out);
        assertThat(run.status()).isEqualTo(1);
        assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
        assertThat(out).hasContent("old");
    }

    @Test
    void aPlaceThatCannotBeWrittenIsRefusedBeforeTheModelIsLoaded() {
        Path out = directory.resolve("no").resolve("x.safetensors");
        Run run = Run.of("logits", "--model", "nowhere", "--ids", 1, "--out", out);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("there is no directory");
        Run onto = Run.of("logits", "--model", "nowhere", "--ids", 1, "--out", directory);
        assertThat(onto.err()).contains("found a directory");
    }

    @Test
    void whatIsNoPlainFileIsNotReplaced() throws IOException {
        Path out = Files.createSymbolicLink(directory.resolve("out"), Path.of("nothing"));
        Run run = Run.of("encode", "--model", "nowhere", "--image", IMAGE, "--out", out);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("--out " + out, "expected a plain file").hasLineCount(1);
        assertThat(out).isSymbolicLink();
    }

    @Test
    void aTensorOfTwoGibibytesIsRefusedBeforeItIsComputed() {
        OutputFile file = new OutputFile();
        Supplier<NDArray> never =
                () -> {
                    throw new AssertionError("computed");
                };
        Shape shape = new Shape(20_000, 32_000);
        assertThatThrownBy(() -> file.add("logits.576", shape, never))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("logits.576")
                .hasMessageContaining("2 GiB");
    }

    @Test
    void verboseShowsWhereAFailureCameFrom() {
        Run run = Run.of("info", "nowhere", "--verbose");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("m3: model nowhere", "at io.m3j");
    }

    @Test
    void anOutputThatCannotBeWrittenIsAFailure() {
        OutputStream full =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        throw new IOException("no space left");
                    }
                };
        Terminal terminal = Terminal.of(full, OutputStream.nullOutputStream(), false, false);
        assertThat(M3.run(terminal, "info", Home.model().toString())).isEqualTo(1);
    }

    @Test
    void whatEscapesPicocliBecomesALineToo() {
        StringBuilder written = new StringBuilder();
        OutputStream err =
                new OutputStream() {
                    @Override
                    public void write(int b) {
                        written.append((char) b);
                    }
                };
        Terminal terminal = Terminal.of(OutputStream.nullOutputStream(), err, false, false);
        int status =
                new Failures(terminal, false)
                        .guard(
                                () -> {
                                    throw new OutOfMemoryError("Java heap space");
                                });
        terminal.flush();
        assertThat(status).isEqualTo(1);
        assertThat(written.toString()).startsWith("m3: out of memory").contains("M3_JAVA_OPTS");
    }
}
